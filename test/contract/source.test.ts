// Every kind of source that is built in does what a kind of source must do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sourceContract } from '@stillhouse/contract';
import { parseRecipe, sourceKeyOf, type RecipeInput } from '@stillhouse/core';
import { defineSource, sourceKind, type SourceKind, type TensorSet } from '@stillhouse/datasets';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeFixtures } from '../fixtures.js';
import { formats, type Format } from '../fuzz/formats.js';
import { sourceKeys } from '../source-keys.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-sources-'));
beforeAll(() => writeFixtures(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const split = { test: 0.2 };
const table = { target: 'price', missing: 'mean' as const };
const more: readonly Omit<Format, 'file'>[] = [
  { name: 'generator', data: { large: { generator: 'friedman1', rows: 5000 }, split }, loss: 'mse' },
  {
    name: 'module',
    data: { large: { module: 'houses.mjs', export: 'numbers' }, split },
    loss: 'mse',
  },
  { name: 'module of cells', data: { large: { module: 'houses.mjs' }, split, table }, loss: 'mse' },
  {
    name: 'mix',
    data: {
      large: {
        mix: [
          { source: { csv: 'houses.csv' }, share: 1 },
          { source: { jsonl: 'houses.jsonl' }, share: 2 },
        ],
      },
      split,
      table,
    },
    loss: 'mse',
  },
];
const all = [...formats.filter(({ name }) => name !== 'idx labels'), ...more];

const parsed = ({ data, loss }: { data: RecipeInput['data']; loss: RecipeInput['loss'] }) =>
  parseRecipe({ data, loss, teacher: { model: { layers: [{ dense: 1 }] } } });

describe.each(all)('$name', (format) => {
  const recipe = parsed(format);
  const { large, table: columns } = recipe.data;
  const contract = sourceContract(() => ({
    kind: sourceKind(large),
    config: large,
    folder,
    loss: recipe.loss,
    ...(columns ? { table: columns } : {}),
  }));
  test.each(contract)('$name', ({ run }) => run());
});

const twoRows: TensorSet = {
  what: 'two rows',
  rowCount: 2,
  inputShape: [1],
  dtype: 'F32',
  isBytes: false,
  classes: undefined,
  labelCount: 1,
  async *chunks() {
    yield { rowCount: 2, cells: [Float32Array.of(0.5, 1.5), Float32Array.of(0, 1)] };
  },
};
const kindOf = (tensors: TensorSet): SourceKind<object> =>
  defineSource<object>({ files: () => [], isRepeatable: () => true, open: () => ({ type: 'tensors', tensors }) });

async function failuresOf(tensors: TensorSet): Promise<string[]> {
  const messages: string[] = [];
  for (const { run } of sourceContract(() => ({ kind: kindOf(tensors), config: {}, folder })))
    await run().catch((error: Error) => messages.push(error.message));
  return messages;
}

test.each<[string, Partial<TensorSet>, RegExp]>([
  ['too few rows', { rowCount: 3 }, /2 !== 3/],
  ['rows of another shape', { inputShape: [2] }, /numbers of inputs/],
  ['a label that is no class', { classes: ['only'] }, /not one of the classes/],
])('the contract finds %s', async (_, wrong, complaint) => {
  expect(await failuresOf(twoRows)).toEqual([]);
  expect((await failuresOf({ ...twoRows, ...wrong })).join()).toMatch(complaint);
});

test('what is tested is closed after each test', async () => {
  const close = vi.fn(async () => {});
  const contract = sourceContract(() => ({ kind: kindOf(twoRows), config: {}, folder, close }));
  for (const { run } of contract) await run();
  expect(close).toHaveBeenCalledTimes(contract.length);
});

test('none is left out', () => {
  const tested = new Set(all.map((format) => sourceKeyOf(parsed(format).data.large)));
  expect([...tested].sort()).toEqual([...sourceKeys].sort());
});
