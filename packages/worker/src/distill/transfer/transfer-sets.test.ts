import { tf } from '@stillhouse/native/tfjs';
import { expect, test } from 'vitest';
import type { DatasetManifest, RecipeInput } from '@stillhouse/core';
import type { Schedule } from '@stillhouse/core/cluster';
import { cutTensors, type Batch } from '@stillhouse/datasets';
import { distillOf } from '../distill.test.fixture.js';
import { TransferSets, type AddedRows } from './transfer-sets.js';

const largeRows = 7;
const blocks = new Map<string, Uint8Array>();
const inputs = Float32Array.from({ length: 2 * largeRows }, (_, i) => 100 + i);
const { columns, set: large } = cutTensors(
  { inputs, labels: new Float32Array(largeRows) },
  { inputShape: [2], labelCount: 1 },
  blocks,
);
const dataset: DatasetManifest = {
  inputShape: [2],
  columns,
  classes: null,
  outputs: 1,
  labelCount: 1,
  targets: [],
  sets: { large },
};
const schedule: Schedule = { rowCount: 4, batch: 4, ranks: 1, epochs: 20, seed: 3 };
const batch: Batch = { rows: 4, x: Float32Array.from({ length: 8 }, (_, i) => i), y: new Float32Array(4) };

type Transfer = NonNullable<NonNullable<RecipeInput['distill']>['transfer']>;
const setsOf = (transfer: Transfer): TransferSets =>
  new TransferSets(distillOf({ transfer }).transfer, {
    dataset,
    schedule,
    fetchBlock: async (hash) => blocks.get(hash)!,
    respond: async (x) => [tf.sum(x, 1, true)],
  });
const rowsAddedBy = (sets: TransferSets, step: number): Promise<AddedRows[]> =>
  sets.add({ batch, rows: [0, 1, 2, 3], where: { seed: schedule.seed, epoch: step, step, rank: 0 } });
const addedBy = async (sets: TransferSets, step: number): Promise<Float32Array[]> =>
  (await rowsAddedBy(sets, step)).map(({ x }) => x);

test('rows of the batch come once more, as often as they are wanted', async () => {
  const [added] = await addedBy(setsOf([{ from: 'small', rows: 2.5 }]), 0);
  expect([...added]).toEqual([...batch.x, ...batch.x, ...batch.x.subarray(0, 4)]);
});

test('each copy is changed by draws of its own, which the step decides', async () => {
  const sets = setsOf([
    { rows: 2, augment: { mixup: 1 } },
    { rows: 1, augment: { mixup: 1 } },
  ]);
  const [twice, once] = await addedBy(sets, 0);
  expect(twice.subarray(0, 8)).not.toEqual(twice.subarray(8));
  expect(once).not.toEqual(twice.subarray(0, 8));
  expect(await addedBy(sets, 0)).toEqual([twice, once]);
  expect(await addedBy(sets, 1)).not.toEqual([twice, once]);
});

test('rows that never were: each column from any row, what belongs together stays so', async () => {
  const [added] = await addedBy(setsOf([{ from: 'columns', rows: 25 }]), 0);
  expect(added).toHaveLength(200);
  const pairs = Array.from({ length: 100 }, (_, i) => [added[2 * i] / 2, (added[2 * i + 1] - 1) / 2]);
  // Every pair of a first and a second number occurs.
  expect(new Set(pairs.map(String)).size).toBe(16);
  expect(await addedBy(setsOf([{ from: 'columns', rows: 25 }]), 0)).toEqual([added]);
  expect(await addedBy(setsOf([{ from: 'columns', rows: 25 }]), 1)).not.toEqual([added]);
  const category = {
    name: 'c',
    type: 'category',
    encode: 'oneHot',
    categories: ['a', 'b'],
    buckets: 0,
  } as unknown as DatasetManifest['columns'][number];
  const table: DatasetManifest = { ...dataset, columns: [category] };
  const options = {
    schedule,
    fetchBlock: async (hash: string) => blocks.get(hash)!,
    respond: async (x: tf.Tensor) => [x],
  };
  const [whole] = await addedBy(
    new TransferSets(distillOf({ transfer: [{ from: 'columns', rows: 5 }] }).transfer, { ...options, dataset: table }),
    0,
  );
  for (let i = 0; i < whole.length; i += 2) expect(whole[i + 1]).toBe(whole[i] + 1);
});

test('rows of the large set go round: each once before one comes again, in another order', async () => {
  const sets = setsOf([{ from: 'large', rows: 0.75 }]);
  const seen: number[][] = [];
  // Steps in any order, as after a resume.
  for (const step of [0, 1, 2, 3, 4, 5])
    seen.push([...(await addedBy(sets, step))[0]].filter((_, i) => i % 2 === 0).map((value) => (value - 100) / 2));
  const [first, second] = [seen.slice(0, 3).flat(), seen.slice(3).flat()];
  for (const round of [first, second]) expect([...round].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(first).not.toEqual(second);
  const [again] = await addedBy(setsOf([{ from: 'large', rows: 0.75 }]), 4);
  expect([...again].filter((_, i) => i % 2 === 0).map((value) => (value - 100) / 2)).toEqual(seen[4]);
});

test(
  'rows of the large set that come again are answered once; those that come once, or never as they were, with ' +
    'their batch',
  async () => {
    const answersOf = async (transfer: Transfer[number]): Promise<number[] | undefined> => {
      const [{ answers }] = await rowsAddedBy(setsOf([transfer]), 0);
      return answers && [...answers[0].dataSync()];
    };
    const [{ x }] = await rowsAddedBy(setsOf([{ from: 'large', rows: 0.75 }]), 0);
    expect(await answersOf({ from: 'large', rows: 0.75 })).toEqual([x[0] + x[1], x[2] + x[3], x[4] + x[5]]);
    expect(await answersOf({ from: 'large', rows: 0.75, augment: { mixup: 1 } })).toBeUndefined();
    expect(await answersOf({ from: 'large', rows: 0.25 })).toBeDefined();
    // Twenty steps of 0.05 · 4 rows go through a third of the seven.
    expect(await answersOf({ from: 'large', rows: 0.05 })).toBeDefined();
    expect(await answersOf({ from: 'small' })).toBeUndefined();
  },
);
