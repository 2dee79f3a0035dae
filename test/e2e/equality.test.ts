// The cluster cannot change the result: real processes, any number of them, the same bits.
import { afterAll, expect, test } from 'vitest';
import type { LayerConfig, RecipeInput } from '@stillhouse/core';
import { convolutional, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const sequential: LayerConfig[] = [
  { embedding: 4, inputDim: 9 },
  { conv1d: 4, kernel: 2, padding: 'same', activation: 'relu' },
  { bidirectional: { lstm: 3, returnSequences: true } },
  { gru: 3, returnSequences: true },
  'globalMaxPooling1d',
  { dense: 1 },
];

/** Six indices per row, read from a file whose category columns are their indices. */
function sequences(): Partial<RecipeInput> {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const rows = Array.from({ length: 120 }, (_, row) => {
    const cells = names.map((_name, i) => (row * (i + 3) + i) % 8);
    return [...cells.map((cell) => `k${cell}`), cells[0] + cells[5] / 2].join(',');
  });
  const csv = scratch.write('sequences.csv', `${[...names, 'y'].join(',')}\n${rows.join('\n')}\n`);
  const columns = Object.fromEntries(names.map((name) => [name, { category: 'index' as const }]));
  const model = { layers: sequential };
  return {
    data: {
      large: { csv },
      small: { csv, take: 30 },
      split: { test: 0.2 },
      table: { target: 'y', columns },
    },
    teacher: { model, epochs: 1, batch: 24 },
    student: { model, epochs: 1, batch: 15 },
    // Indices cannot be mixed.
    distill: { alpha: 0.5, beta: 0.1 },
  };
}

const models: Record<string, Partial<RecipeInput>> = {
  dense: {},
  sequential: sequences(),
  convolutional: {
    teacher: {
      model: { layers: convolutional },
      epochs: 2,
      validation: 0.1,
      optimizer: { name: 'adamw', clipNorm: 0.1, weightDecay: 0.01 },
      schedule: { name: 'cosine', warmupSteps: 3 },
      earlyStopping: { patience: 1 },
    },
    student: { model: { layers: convolutional }, epochs: 2, batch: 7 },
  },
};
/** One worker is in this process, several are processes. */
const clusters = [
  { model: 'dense', ranks: 5, counts: [1, 2, 5] },
  { model: 'dense', ranks: 8, counts: [1, 3] },
  { model: 'convolutional', ranks: 5, counts: [1, 3] },
  { model: 'sequential', ranks: 5, counts: [1, 3] },
];

test.each(clusters)('$model: ranks $ranks on $counts workers', async ({ model, ranks, counts }) => {
  const hashes = [];
  for (const workers of counts) {
    const { record } = await scratch.train(smallRecipe({ ...models[model], ranks }), workers === 1 ? {} : { workers });
    expect(record.workers).toHaveLength(workers);
    const { teacher, student, baseline } = record;
    hashes.push({
      teacher: teacher!.weightsSha256,
      student: student!.weightsSha256,
      baseline: baseline!.weightsSha256,
      test: teacher!.test,
    });
    // Every row exactly once an epoch.
    for (const phase of [teacher!, student!, baseline!]) {
      for (const epoch of phase.epochs)
        expect([epoch.rows, epoch.rowsDigest]).toEqual([
          phase === teacher ? record.dataset.rows['large'] : 30,
          phase.expectedRowsDigest,
        ]);
    }
  }
  for (const hash of hashes) expect(hash).toEqual(hashes[0]);
  expect(hashes[0].student).not.toBe(hashes[0].baseline);
});

test('ranks and seed are the job’s: changing them changes the bits', async () => {
  const hash = async (change: Partial<RecipeInput>): Promise<string> =>
    (await scratch.train(smallRecipe(change))).record.teacher!.weightsSha256;
  const hashes = [await hash({}), await hash({ ranks: 3 }), await hash({ seed: 4 })];
  expect(new Set(hashes).size).toBe(3);
});

test('gradients in fewer bits change the bits of the teacher, but not with the number of workers', async () => {
  const hashOf = async (wire: RecipeInput['wire'], workers: number): Promise<string> => {
    const recipe = smallRecipe({ ranks: 3, ...(wire ? { wire } : {}) });
    return (await scratch.train(recipe, workers === 1 ? {} : { workers })).record.teacher!.weightsSha256;
  };
  const hashes = [await hashOf(undefined, 1)];
  expect(await hashOf('fp32', 1)).toBe(hashes[0]);
  for (const wire of ['bf16', 'fp16'] as const) {
    hashes.push(await hashOf(wire, 1));
    expect(await hashOf(wire, 3)).toBe(hashes.at(-1));
  }
  expect(new Set(hashes).size).toBe(3);
});

test('more workers than ranks: those without one are spares, and the result is the same', async () => {
  const [few, many] = [await scratch.train(smallRecipe()), await scratch.train(smallRecipe(), { workers: 3 })];
  expect(many.record.teacher!.weightsSha256).toBe(few.record.teacher!.weightsSha256);
  expect(many.record.workers.map(({ ranks }) => ranks!.hi - ranks!.lo).sort()).toEqual([0, 1, 1]);
});
