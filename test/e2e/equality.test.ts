// The cluster cannot change the result: real processes, any number of them, the same bits.
import { afterAll, expect, test } from 'vitest';
import type { LayerConfig, RecipeInput } from '@stillhouse/core';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const convolutional: LayerConfig[] = [
  { reshape: [5, 2, 1] },
  { conv2d: 4, kernel: 2, activation: 'relu' },
  'batchNormalization',
  { dropout: 0.3 },
  'flatten',
  { dense: 1 },
];

const models: Record<string, Partial<RecipeInput>> = {
  dense: {},
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

test('more workers than ranks: those without one are spares, and the result is the same', async () => {
  const [few, many] = [await scratch.train(smallRecipe()), await scratch.train(smallRecipe(), { workers: 3 })];
  expect(many.record.teacher!.weightsSha256).toBe(few.record.teacher!.weightsSha256);
  expect(many.record.workers.map(({ ranks }) => ranks!.hi - ranks!.lo).sort()).toEqual([0, 1, 1]);
});
