// Drawing in proportions, from files to rows: exact numbers of each class, level of weights and source.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRecipe, phaseOf, type RecipeInput } from '@stillhouse/core';
import { epochOrder, stepsPerEpoch } from '@stillhouse/core/cluster';
import { BlockReader } from '../block/block-reader.js';
import { prepareDataset } from './prepare.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-segments-'));
  const rows = Array.from({ length: 100 }, (_, i) => [i, i < 80 ? 'many' : i < 95 ? 'some' : 'few', i < 50 ? 1 : 4]);
  writeFileSync(join(folder, 'a.csv'), `a,y,w\n${rows.map((row) => row.join(',')).join('\n')}\n`);
  writeFileSync(
    join(folder, 'b.csv'),
    `w,a,y\n${Array.from({ length: 10 }, (_, i) => `1,${1000 + i},few`).join('\n')}\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Column a of the rows that each epoch draws. */
async function drawn(
  data: RecipeInput['data'],
  loss: RecipeInput['loss'] = 'softmaxCrossEntropy',
): Promise<number[][]> {
  const recipe = parseRecipe({
    data,
    loss,
    ranks: 3,
    teacher: { model: { layers: [{ dense: 1 }] }, batch: 7, epochs: 4 },
  });
  const { manifest, blocks } = await prepareDataset(
    recipe,
    { recipeFolder: folder, dataFolders: [] },
    { folder: join(folder, 'prepared') },
  );
  const { schedule } = phaseOf({ recipe, dataset: manifest }, 'teacher');
  const reader = new BlockReader(manifest, async (hash) => (await blocks.read(hash))!);
  return Promise.all(
    Array.from({ length: schedule.epochs }, async (_, epoch) => {
      const order = epochOrder(schedule, epoch);
      const steps = stepsPerEpoch(schedule);
      const rows = Array.from({ length: steps }, (__, i) =>
        [0, 1, 2].flatMap((rank) => [...order.rankRows({ step: epoch * steps + i, rank })]),
      ).flat();
      const { x } = await reader.read(manifest.sets.large!, rows);
      const width = x.length / rows.length;
      return rows.map((___, i) => Math.round(x[i * width]));
    }),
  );
}

const table = (change: object = {}): RecipeInput['data']['table'] => ({ target: 'y', standardize: false, ...change });
const classOf = (a: number): string => (a >= 1000 ? 'few' : a < 80 ? 'many' : a < 95 ? 'some' : 'few');
const count = <T>(list: readonly T[], is: (value: T) => boolean): number => list.filter(is).length;

describe('an epoch draws', () => {
  test('every class as often', async () => {
    for (const rows of await drawn({
      large: { csv: 'a.csv' },
      test: { csv: 'a.csv' },
      table: table(),
      sampling: { classes: 'balanced', rows: 90 },
    })) {
      for (const name of ['many', 'some', 'few']) expect(count(rows, (a) => classOf(a) === name)).toBe(30);
      // Fifteen rows, drawn thirty times: each twice.
      for (let a = 80; a < 95; a++) expect(count(rows, (each) => each === a)).toBe(2);
    }
  });

  test('classes by shares', async () => {
    const [rows] = await drawn({
      large: { csv: 'a.csv' },
      test: { csv: 'a.csv' },
      table: table(),
      sampling: { classes: { many: 1, some: 2, few: 1 } },
    });
    expect(['many', 'some', 'few'].map((name) => count(rows, (a) => classOf(a) === name))).toEqual([25, 50, 25]);
  });

  test('rows by their weights', async () => {
    const epochs = await drawn(
      {
        large: { csv: 'a.csv' },
        test: { csv: 'a.csv' },
        table: table({ target: 'a', columns: { a: 'number' } }),
        sampling: { weights: 'w' },
      },
      'mse',
    ).catch((error: unknown) => error);
    // The target is no input: what is left of the row is its class.
    expect(Array.isArray(epochs)).toBe(true);
    const byWeight = await drawn({
      large: { csv: 'a.csv' },
      test: { csv: 'a.csv' },
      table: table(),
      sampling: { weights: 'w' },
    });
    for (const rows of byWeight) expect([count(rows, (a) => a < 50), count(rows, (a) => a >= 50)]).toEqual([20, 80]);
  });

  test('from sources in a mix, whose columns lie in any order', async () => {
    for (const rows of await drawn({
      large: {
        mix: [
          { source: { csv: 'a.csv' }, share: 1 },
          { source: { csv: 'b.csv' }, share: 1 },
        ],
      },
      test: { csv: 'a.csv' },
      table: table(),
    })) {
      expect([count(rows, (a) => a < 1000), count(rows, (a) => a >= 1000)]).toEqual([55, 55]);
    }
  });
});

test.each([
  ['a class without a share', { classes: { many: 1, some: 1 } }, 'DATA_LABEL', /no share for class few/],
  ['a share without a class', { classes: { many: 1, some: 1, few: 1, none: 1 } }, 'DATA_LABEL', /names class none/],
  ['a weight that is none', { weights: 'a' }, 'DATA_CELL', /row 1, column a: "0" is not a weight/],
  ['a column that is not there', { weights: 'z' }, 'DATA_COLUMN', /no column "z"/],
])('%s is refused', async (_, sampling, code, message) => {
  await expect(
    drawn({ large: { csv: 'a.csv' }, test: { csv: 'a.csv' }, table: table(), sampling: sampling }),
  ).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test.each([
  [
    { large: { csv: 'a' }, test: { csv: 'a' }, table: { target: 'y' }, sampling: { classes: 'balanced' } },
    /mse has no classes/,
  ],
  [
    { large: { csv: 'a' }, test: { csv: 'a' }, table: { target: 'y' }, sampling: { rows: 5 } },
    /by classes, by weights, or from a mix/,
  ],
  [
    { large: { generator: 'noise', rows: 5 }, test: { generator: 'noise', rows: 5 }, sampling: { weights: 'w' } },
    /no set is a table/,
  ],
])('a recipe that cannot be meant is refused: %j', (data, message) => {
  expect(() => parseRecipe({ data, loss: 'mse', teacher: { model: { layers: [{ dense: 1 }] } } })).toThrow(message);
});
