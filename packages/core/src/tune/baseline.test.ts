// For how many epochs a baseline trains, and over what it is tuned.
import { expect, test } from 'vitest';
import { phaseOf, type DatasetManifest } from '../job/job.js';
import { phaseLearningRate } from '../job/job.js';
import { parseRecipe } from '../recipe/parse.js';
import type { RecipeInput } from '../recipe/schema.js';
import { baselineFolds, baselineSearch, chooseEpochs, withBaselineValues } from './baseline.js';
import { searchState, type Evaluation } from './search.js';
import { gridOf, withValues } from './space.js';

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

const tunedRecipe = (search: object): ReturnType<typeof parseRecipe> =>
  recipeOf({ distill: { tune: { search } } } as never, { optimizer: { name: 'adam', learningRate: 0.01 } });

test('values of its own are those that a search names by the student’s path, or its learning rate', () => {
  const recipe = tunedRecipe({ name: 'sobol', trials: 8 });
  const rate = {
    path: "baseline.values['student.optimizer.learningRate']",
    config: { from: 0.001, to: 0.1, scale: 'log', whole: false },
  };
  expect(baselineSearch(recipe, [{ path: 'distill.alpha', config: [1] }]).space).toEqual([rate]);
  const tuned = withValues(withBaselineValues(recipe, [rate as never]), { [rate.path]: 0.05 });
  expect(phaseOf({ recipe: tuned, dataset }, 'baseline').config.optimizer.learningRate).toBe(0.05);
  expect(phaseOf({ recipe: tuned, dataset }, 'student').config.optimizer.learningRate).toBe(0.01);
  const decay = { from: 0, to: 1, scale: 'linear', whole: false } as const;
  const named = { path: 'student.optimizer.weightDecay', config: decay };
  expect(baselineSearch(recipe, [named, { path: 'student.model.layers[0].dense', config: [1] }]).space).toEqual([
    { ...named, path: "baseline.values['student.optimizer.weightDecay']" },
  ]);
  const batches = { path: 'student.batch', config: [8, 16] };
  expect(baselineSearch(recipe, [batches]).space.map(({ path }) => path)).toEqual([
    "baseline.values['student.batch']",
    rate.path,
  ]);
});

const rateList = { path: 'student.optimizer.learningRate', config: [0.003, 0.01, 0.3] };

test('a short list of learning rates becomes a range: a tenth to ten times the student’s, and the list’s', () => {
  const recipe = tunedRecipe({ name: 'halving', trials: 8, rounds: 2 });
  expect(baselineSearch(recipe, [{ path: 'distill.alpha', config: [1] }, rateList] as never).space).toEqual([
    {
      path: "baseline.values['student.optimizer.learningRate']",
      config: { from: 0.001, to: 0.3, scale: 'log', whole: false },
    },
  ]);
});

const alphas = { path: 'distill.alpha', config: { from: -2, to: 4, scale: 'linear', whole: false } };
const batchList = { path: 'student.batch', config: [8, 16, 32, 64, 128] };
const decayList = { path: 'student.optimizer.weightDecay', config: [0, 0.01, 0.02, 0.05] };

test.each<[what: string, search: object, space: object[], least: number]>([
  ['a list of learning rates', { name: 'halving', trials: 8, rounds: 2 }, [alphas, rateList], 16],
  ['two lists', { name: 'halving', trials: 8, rounds: 2 }, [alphas, rateList, batchList], 16],
  ['as many combinations as trials', { name: 'sobol', trials: 20 }, [alphas, batchList, decayList], 20],
  ['a grid over a list', { name: 'grid', points: 5 }, [alphas, rateList], 15],
  ['nothing of its own', { name: 'sobol', trials: 20 }, [alphas], 20],
])('a search over %s makes as many trials for the baseline as it is said to', (_, kind, space, least) => {
  const recipe = tunedRecipe(kind);
  const { space: own, search } = baselineSearch(recipe, space as never);
  const { tune } = recipe.distill!;
  const config = { ...tune!, search };
  const costs = new Map<string, number>();
  const options = { recipe: withBaselineValues(recipe, own), space: own, config };
  const costOf = (evaluation: Evaluation): number | undefined => costs.get(JSON.stringify(evaluation));
  let state = searchState(options, costOf);
  while (state.pending.length > 0) {
    for (const each of state.pending) costs.set(JSON.stringify(each), each.trial % 5);
    state = searchState(options, costOf);
  }
  expect(state.measured.length).toBeGreaterThanOrEqual(least);
});

test('its search has at least as many trials as the student’s, also on a grid of fewer numbers', () => {
  const range = (from: number, to: number, whole = false): object => ({ from, to, scale: 'linear', whole });
  const alpha = { path: 'distill.alpha', config: range(-2, 4) };
  const beta = { path: 'distill.beta', config: range(0.05, 1) };
  const batches = { path: 'student.batch', config: [8, 16] };
  const recipe = tunedRecipe({ name: 'grid', points: 5 });
  const trialsFor = (...space: object[]): number => {
    const { space: own, search } = baselineSearch(recipe, space as never);
    return gridOf(own, (search as { points: number }).points).length;
  };
  expect(trialsFor(alpha, beta)).toBe(25);
  expect(trialsFor(alpha, batches)).toBe(10);
  expect(trialsFor(alpha, beta, batches)).toBe(50);
  expect(trialsFor(alpha, { path: 'student.batch', config: range(8, 10, true) })).toBe(15);
});

test.each([
  [{ baseline: { epochs: 21 } }, {}, /baseline.epochs is 21, more than student.epochs \(20\)/],
  [{ baseline: { epochs: 5 } }, { prune: { sparsity: 0.5, to: 5 } }, /baseline.epochs is 5, but student.prune.to is 5/],
  [{ baseline: { values: { 'teacher.epochs': 3 } } }, {}, /baseline.values names teacher.epochs/],
  [{ baseline: { values: { 'student.rate': 3 } } }, {}, /baseline.values names student.rate/],
] as const)('%j is refused', (change, student, message) => {
  expect(() => recipeOf(change as Partial<RecipeInput>, student)).toThrow(message);
});
