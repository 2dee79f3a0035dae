import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RecipeInput } from '@stillhouse/core';
import { generations } from '../generations.js';
import { sweep } from '../sweep/sweep.js';
import { writeOutput } from './output.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-output-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const model = { layers: [{ dense: 1 }] };
const source = { generator: 'friedman1', rows: 30 } as const;
const recipe: RecipeInput = {
  data: { large: source, small: source, test: source },
  loss: 'mse',
  teacher: { model },
  student: { model },
};

test('a folder is made, with its files', () => {
  writeOutput(join(folder, 'a', 'b'), { 'c.txt': 'd' });
  expect(readFileSync(join(folder, 'a', 'b', 'c.txt'), 'utf8')).toBe('d');
});

test('a folder that cannot be written is refused before a sweep or a generation is trained', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const out of [file, join(file, 'inside')])
    for (const write of [
      () => sweep(recipe, { out }),
      () => generations(recipe, { out }),
      () => Promise.resolve().then(() => writeOutput(out)),
    ])
      await expect(write()).rejects.toMatchObject({
        code: 'OUT_UNWRITABLE',
        message: expect.stringContaining(`${out} cannot be written`),
      });
});

test('a folder with a symbolic link in it is refused by sweep and generations, and nothing is written', async () => {
  const [out, elsewhere] = [join(folder, 'linked'), join(folder, 'elsewhere')];
  for (const each of [out, elsewhere]) mkdirSync(each);
  symlinkSync(elsewhere, join(out, '1-run'));
  for (const write of [() => sweep(recipe, { out }), () => generations(recipe, { out })])
    await expect(write()).rejects.toMatchObject({
      code: 'OUT_UNWRITABLE',
      message: `${join(out, '1-run')} is a symbolic link: what is written there would go elsewhere`,
    });
  expect([readdirSync(out), readdirSync(elsewhere)]).toEqual([['1-run'], []]);
});
