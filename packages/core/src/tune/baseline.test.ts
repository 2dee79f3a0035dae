// For how many epochs a baseline trains, and over what it is tuned.
import { expect, test } from 'vitest';
import { phaseOf, type DatasetManifest } from '../job/job.js';
import { phaseLearningRate } from '../job/job.js';
import { parseRecipe } from '../recipe/parse.js';
import type { RecipeInput } from '../recipe/schema.js';
import { baselineFolds, baselineSpace, chooseEpochs, withBaselineValues } from './baseline.js';
import { withValues } from './space.js';

const source = { generator: 'noise', rows: 8 } as const;
const recipeOf = (change: Partial<RecipeInput>, student: object = {}): ReturnType<typeof parseRecipe> =>
  parseRecipe({
    loss: 'mse',
    data: { large: source, small: source, test: source },
    teacher: { model: { layers: [{ dense: 1 }] } },
    student: { model: { layers: [{ dense: 1 }] }, epochs: 20, ...student },
    ...change,
  });
const set = { rowCount: 8, blockRows: 8, blocks: [], rowsDigest: '' };
const dataset: DatasetManifest = {
  inputShape: [1],
  columns: [],
  classes: null,
  outputs: 1,
  labelCount: 1,
  targets: [],
  sets: { large: set, small: set, test: set },
};

test('folds are five, or as many as the rarest class has rows', () => {
  expect(baselineFolds(500, undefined)).toBe(5);
  expect(baselineFolds(3, undefined)).toBe(3);
  expect(baselineFolds(8, [0, 0, 0, 0, 0, 0, 1, 1])).toBe(2);
  expect(baselineFolds(3, [0, 1, 1])).toBe(1);
});

test('the epochs with the best mean, or the most that are worse by no more than one standard error', () => {
  const curvesOf = (values: number[][]): { rows: number; loss: number; rmse: number }[][] =>
    values.map((curve) => curve.map((rmse) => ({ rows: 1, loss: rmse, rmse })));
  const curves = curvesOf([
    [3, 1, 1.2, 4, 5],
    [3, 2, 1.9, 4, 4.6],
  ]);
  const best = { least: 1, rule: 'best' } as const;
  expect(chooseEpochs(curves, 'rmse', best)).toEqual({ epochs: 2, mean: 1.5, meanOfAll: 4.8 });
  expect(chooseEpochs(curves, 'rmse', { ...best, least: 4 }).epochs).toBe(4);
  // The third is worse by 0.05 ± 0.15, the last by 3.3 ± 0.7.
  expect(chooseEpochs(curves, 'rmse', { least: 1, rule: 'oneStandardError' }).epochs).toBe(3);
  const classes = [0.5, 0.9, 0.9, 0.8].map((accuracy) => ({ rows: 1, loss: 1, accuracy }));
  expect(chooseEpochs([classes, classes], 'accuracy', best)).toEqual({ epochs: 3, mean: 0.9, meanOfAll: 0.8 });
  const broken = curvesOf([
    [1, NaN],
    [1, 1],
  ]);
  expect(chooseEpochs(broken, 'rmse', { least: 1, rule: 'oneStandardError' }).epochs).toBe(1);
});

test('a baseline of fewer epochs has the rates of a longer schedule, which is cut off; the student has all', () => {
  const schedule = { name: 'cosine' } as const;
  const whole = { recipe: recipeOf({}, { schedule }), dataset };
  const cut = { recipe: recipeOf({ baseline: { epochs: 5 } }, { schedule }), dataset };
  expect(phaseOf(cut, 'baseline').schedule.epochs).toBe(5);
  expect(phaseOf(cut, 'student')).toEqual(phaseOf(whole, 'student'));
  expect(phaseLearningRate(phaseOf(cut, 'baseline'), 3)).toBe(phaseLearningRate(phaseOf(whole, 'baseline'), 3));
  expect(phaseOf(whole, 'baseline').schedule.epochs).toBe(20);
});

test('values of its own are those that a search names by the student’s path, or its learning rate', () => {
  const recipe = recipeOf({}, { optimizer: { name: 'adam', learningRate: 0.01 } });
  const [rate] = baselineSpace(recipe, [{ path: 'distill.alpha', config: [1] }]);
  expect(rate).toEqual({
    path: "baseline.values['student.optimizer.learningRate']",
    config: { from: 0.001, to: 0.1, scale: 'log', whole: false },
  });
  const tuned = withValues(withBaselineValues(recipe, [rate!]), { [rate!.path]: 0.05 });
  expect(phaseOf({ recipe: tuned, dataset }, 'baseline').config.optimizer.learningRate).toBe(0.05);
  expect(phaseOf({ recipe: tuned, dataset }, 'student').config.optimizer.learningRate).toBe(0.01);
  const named = { path: 'student.batch', config: [8, 16] };
  expect(baselineSpace(recipe, [named, { path: 'student.model.layers[0].dense', config: [1] }])).toEqual([
    { ...named, path: "baseline.values['student.batch']" },
  ]);
});

test.each([
  [{ baseline: { epochs: 21 } }, {}, /baseline.epochs is 21, more than student.epochs \(20\)/],
  [{ baseline: { epochs: 5 } }, { prune: { sparsity: 0.5, to: 5 } }, /baseline.epochs is 5, but student.prune.to is 5/],
  [{ baseline: { values: { 'teacher.epochs': 3 } } }, {}, /baseline.values names teacher.epochs/],
  [{ baseline: { values: { 'student.rate': 3 } } }, {}, /baseline.values names student.rate/],
] as const)('%j is refused', (change, student, message) => {
  expect(() => recipeOf(change as Partial<RecipeInput>, student)).toThrow(message);
});
