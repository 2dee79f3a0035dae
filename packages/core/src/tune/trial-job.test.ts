import { expect, test } from 'vitest';
import type { Job, SetManifest } from '../job/job.js';
import { parseRecipe } from '../recipe/parse.js';
import { trialJob } from './trial-job.js';

const source = { generator: 'noise', rows: 1 } as const;
const recipe = parseRecipe({
  loss: 'mse',
  data: { large: source, small: source, test: source },
  teacher: { model: { layers: [{ dense: 1 }] } },
  student: { model: { layers: [{ dense: 1 }] } },
  distill: { tune: {} },
});
const setOf = (name: string): SetManifest => ({
  rowCount: 4,
  blockRows: 4,
  blocks: [`block of ${name}`],
  rowsDigest: '',
});
const job: Job = {
  runId: 'r',
  recipe,
  assets: {},
  dataset: {
    inputShape: [1],
    columns: [],
    classes: null,
    outputs: 1,
    labelCount: 1,
    targets: [],
    sets: {
      large: setOf('large'),
      small: setOf('small'),
      smallValidation: setOf('smallValidation'),
      test: setOf('test'),
    },
  },
};

test('a trial is judged by the fold that it did not train on, and knows nothing of the test set', () => {
  const trial = trialJob(job, { 'distill.alpha': 2 }, { train: [0, 2, 3], heldOut: [1] });
  expect(JSON.stringify(trial)).not.toContain('block of test');
  expect(trial.dataset.sets).toEqual({
    large: setOf('large'),
    smallValidation: setOf('smallValidation'),
    small: { ...setOf('small'), rowCount: 3, selection: [0, 2, 3] },
    test: { ...setOf('small'), rowCount: 1, selection: [1] },
  });
  expect(trial.recipe.distill!.alpha).toBe(2);
});
