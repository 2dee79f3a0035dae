import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecipe } from '../recipe/parse.js';
import type { Recipe } from '../recipe/schema.js';
import type { TunableConfig } from '../recipe/tune.js';
import { foldsOf } from './folds.js';
import { expectedImprovement, gaussianProcess } from './gaussian-process.js';
import { rungsOf, searchState, type Evaluation, type SearchState } from './search.js';
import { sobolPoints } from './sobol.js';
import { coordinateOf, spaceOf, valueAt, withValues } from './space.js';

const recipeOf = (tune: object, more: object = {}): Recipe =>
  parseRecipe({
    data: {
      large: { generator: 'friedman1', rows: 100 },
      small: { generator: 'friedman1', rows: 20 },
      test: { generator: 'friedman1', rows: 20 },
    },
    loss: 'mae',
    teacher: { model: { layers: [{ dense: 1 }] } },
    student: { model: { layers: [{ dense: 4 }, { dense: 1 }] } },
    distill: { terms: [{ name: 'kd' }, { name: 'rkd', angle: 0 }], tune },
    ...more,
  });

describe('folds', () => {
  test('each row is held out once a repeat, and folds differ by a row at most, in all and in each class', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.integer({ min: 6, max: 20 }), { minLength: 1, maxLength: 4 }),
        fc.nat(1000),
        (folds, repeats, sizes, seed) => {
          const labels = sizes.flatMap((size, label) => Array.from({ length: size }, () => label));
          const all = foldsOf(labels.length, labels, { folds, repeats, seed });
          expect(all).toHaveLength(folds * repeats);
          for (let repeat = 0; repeat < repeats; repeat++) {
            const own = all.slice(repeat * folds, (repeat + 1) * folds);
            expect(own.flatMap(({ heldOut }) => heldOut).sort((a, b) => a - b)).toEqual(labels.map((_, row) => row));
            const spread = (counts: number[]): number => Math.max(...counts) - Math.min(...counts);
            expect(spread(own.map(({ heldOut }) => heldOut.length))).toBeLessThanOrEqual(1);
            sizes.forEach((_, label) =>
              expect(
                spread(own.map(({ heldOut }) => heldOut.filter((row) => labels[row] === label).length)),
              ).toBeLessThanOrEqual(1),
            );
            for (const { train, heldOut } of own)
              expect([...train, ...heldOut].sort((a, b) => a - b)).toEqual(labels.map((_, row) => row));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('repeats have other folds; the seed decides', () => {
    const of = (seed: number): unknown => foldsOf(30, undefined, { folds: 3, repeats: 2, seed });
    const [a, b] = [
      foldsOf(30, undefined, { folds: 3, repeats: 2, seed: 1 })[0],
      foldsOf(30, undefined, { folds: 3, repeats: 2, seed: 1 })[3],
    ];
    expect(a).not.toEqual(b);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });

  test('more folds than rows, or than rows of a class, are refused', () => {
    expect(() => foldsOf(3, undefined, { folds: 4, repeats: 1, seed: 0 })).toThrow(
      expect.objectContaining({
        code: 'TUNE_FOLDS',
        message: 'distill.tune.folds is 4, but the small set has 3 rows',
      }) as Error,
    );
    expect(() =>
      foldsOf(5, [0, 0, 0, 0, 1], { folds: 3, repeats: 1, seed: 0 }, (label) => (label === 0 ? 'cat' : 'dog')),
    ).toThrow('distill.tune.folds is 3, but class dog has 1 row in the small set');
  });
});

describe('Sobol’s sequence', () => {
  test('has the published first points', () => {
    expect(sobolPoints(4, { count: 5 })).toEqual([
      [0, 0, 0, 0],
      [0.5, 0.5, 0.5, 0.5],
      [0.75, 0.25, 0.25, 0.25],
      [0.25, 0.75, 0.75, 0.75],
      [0.375, 0.375, 0.625, 0.875],
    ]);
    expect(sobolPoints(10, { from: 7, count: 1 })).toEqual([
      [0.125, 0.625, 0.375, 0.125, 0.125, 0.375, 0.625, 0.625, 0.625, 0.875],
    ]);
  });

  test('puts one point into each of 2^k intervals, in each dimension, whatever the seed', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 6 }), (seed, k) => {
        const points = sobolPoints(10, { count: 2 ** k, seed });
        for (let d = 0; d < 10; d++)
          expect(new Set(points.map((point) => Math.floor(point[d]! * 2 ** k))).size).toBe(2 ** k);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a Gaussian process', () => {
  const points = [
    [0.1, 0.2],
    [0.5, 0.9],
    [0.8, 0.3],
    [0.4, 0.4],
  ];
  test('knows what it has seen, and is unsure far from it', () => {
    const believe = gaussianProcess(points, [1, 3, 2, 1.5]);
    points.forEach((point, i) => expect(Math.abs(believe(point).mean - [1, 3, 2, 1.5][i]!)).toBeLessThan(0.5));
    expect(believe([0.4, 0.41]).deviation).toBeLessThan(believe([0.0, 1.0]).deviation);
  });

  test('expected improvement is the mean of what a value falls below the least', () => {
    const [mean, deviation, least] = [0.3, 0.7, 0.1];
    let sum = 0;
    for (let z = -8; z < 8; z += 0.0005)
      sum += Math.max(0, least - (mean + deviation * z)) * (Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)) * 0.0005;
    expect(expectedImprovement({ mean, deviation }, least)).toBeCloseTo(sum, 4);
    expect(expectedImprovement({ mean: 1, deviation: 0 }, 3)).toBe(2);
  });
});

describe('the space', () => {
  test('is pressure and temperature unless the recipe names others; temperature only if it matters', () => {
    expect(spaceOf(recipeOf({})).map(({ path }) => path)).toEqual(['distill.alpha', 'distill.beta']);
    expect(spaceOf(recipeOf({}, { loss: 'mse' })).map(({ path }) => path)).toEqual(['distill.alpha']);
  });

  test('a number that would change nothing is refused', () => {
    const values = { 'distill.beta': { from: 0.05, to: 1, scale: 'log' } };
    expect(() => spaceOf(recipeOf({ values }, { loss: 'mse' }))).toThrow(
      "distill.tune.values['distill.beta'] would change nothing: the temperature cancels, or does not occur, in kd",
    );
    expect(spaceOf(recipeOf({ values }, { loss: 'mae' }))).toHaveLength(1);
  });

  test('values keep to their range, and coordinates find them again', () => {
    const values = {
      'student.optimizer.learningRate': { from: 1e-4, to: 1e-1, scale: 'log' },
      'student.batch': [8, 16, 32],
    };
    const [range, list] = spaceOf(recipeOf({ values })).map(({ config }) => config) as [TunableConfig, TunableConfig];
    expect([0, 0.5, 1].map((each) => valueAt(range, each))).toEqual([1e-4, 0.00316228, 1e-1]);
    expect(coordinateOf(range, 0.00316228)).toBeCloseTo(0.5, 4);
    expect([0, 0.34, 0.99].map((each) => valueAt(list, each))).toEqual([8, 16, 32]);
    expect(coordinateOf(list, 16)).toBeCloseTo(0.5);
  });

  test('a recipe with other values is the same recipe except for them', () => {
    const recipe = recipeOf({});
    const changed = withValues(recipe, { 'distill.terms[1].weight': 7, 'student.model.layers[0].dense': 9 });
    expect(changed.distill!.terms[1]!.weight).toBe(7);
    expect(changed.student!.model).toEqual({ layers: [{ dense: 9 }, { dense: 1 }] });
    expect(recipe.distill!.terms[1]!.weight).toBe(1);
  });

  test.each([
    [{ 'teacher.epochs': [1] }, "distill.tune.values['teacher.epochs'] is not a value of student or distill"],
    [{ 'distill.gamma': [1] }, "distill.tune.values['distill.gamma'] is not a number in the recipe"],
    [{ 'distill.beta': { from: 0, to: 1, scale: 'log' } }, 'from must be greater than 0'],
    [{ 'distill.alpha': { from: 2, to: 1 } }, 'from must be less than to'],
    [{ 'distill.alpha': { from: -99, to: 1 } }, 'distill.alpha is -99'],
    [{ 'student.epochs': { from: 1, to: 5.5 } }, 'student.epochs is 5.5'],
    [{}, 'distill.tune.values is empty'],
  ])('what cannot be tuned is refused: %j', (values, message) => {
    expect(() => spaceOf(recipeOf({ values }))).toThrow(message);
  });
});

/** A noisy bowl with its bottom at α = 1, β = 0.3. */
const bowl = ({ values, fold }: Evaluation): number => {
  const [alpha, beta] = [values['distill.alpha']!, values['distill.beta']!];
  return (alpha - 1) ** 2 + 4 * Math.log(beta / 0.3) ** 2 + 0.3 * Math.sin(17 * alpha + 5 * fold) + fold * 0.2;
};

/** Measures what is wanted, so many at a time and in an order of its own, until the search is over. */
function run(
  recipe: Recipe,
  cost: (evaluation: Evaluation) => number,
  pick: (pending: readonly Evaluation[]) => readonly Evaluation[] = (pending) => pending,
): { end: SearchState; measured: number } {
  const options = { recipe, space: spaceOf(recipe), config: recipe.distill!.tune! };
  const costs = new Map<string, number>();
  const keyOf = ({ values, fold }: Evaluation): string => JSON.stringify([values, fold]);
  for (let i = 0; i < 10_000; i++) {
    const state = searchState(options, (each) => costs.get(keyOf(each)));
    if (state.pending.length === 0) return { end: state, measured: costs.size };
    for (const each of pick(state.pending)) costs.set(keyOf(each), cost(each));
  }
  throw new Error('the search does not end');
}

describe('a search', () => {
  test('halving spends folds on the best trials only', () => {
    expect(rungsOf(27, 10, 3)).toEqual([
      { trials: 27, folds: 2 },
      { trials: 9, folds: 4 },
      { trials: 3, folds: 10 },
    ]);
    expect(rungsOf(16, 5, 3)).toEqual([
      { trials: 16, folds: 2 },
      { trials: 5, folds: 5 },
    ]);
    expect(rungsOf(1, 5, 3)).toEqual([{ trials: 1, folds: 5 }]);
    const { end, measured } = run(recipeOf({ search: { name: 'halving', trials: 16, rounds: 1 } }), bowl);
    expect(end.measured).toHaveLength(16);
    expect(end.measured.filter(({ folds }) => folds === 5)).toHaveLength(5);
    expect(measured).toBe(16 * 2 + 5 * 3);
  });

  test.each([
    { name: 'grid', points: 7 },
    { name: 'sobol', trials: 40 },
    { name: 'halving', trials: 12, rounds: 4 },
  ])('finds the bottom of a noisy bowl: %j', (search) => {
    const { end } = run(recipeOf({ search, rule: 'best' }), bowl);
    expect(end.chosen!.values['distill.alpha']).toBeGreaterThan(0);
    expect(end.chosen!.values['distill.alpha']).toBeLessThan(2);
    expect(end.chosen!.values['distill.beta']).toBeGreaterThan(0.15);
    expect(end.chosen!.values['distill.beta']).toBeLessThan(0.6);
  });

  test('a model of what was seen looks near the bottom: later rounds are better than the first', () => {
    const { end } = run(recipeOf({ search: { name: 'halving', trials: 10, rounds: 3 } }), bowl);
    const mean = (from: number): number =>
      end.measured.slice(from, from + 10).reduce((sum, { values }) => sum + bowl({ trial: 0, values, fold: 0 }), 0) /
      10;
    expect(mean(20)).toBeLessThan(mean(0) / 2);
  });

  test('comes out the same in whatever order, and however many at a time, trials are measured', () => {
    const recipe = recipeOf({ search: { name: 'halving', trials: 6, rounds: 2 } });
    const { end } = run(recipe, bowl);
    expect(run(recipe, bowl, (pending) => pending.slice(-1)).end).toEqual(end);
    expect(run(recipe, bowl, (pending) => pending.filter((_, i) => i % 3 === 0)).end).toEqual(end);
  });

  test('of trials that are as good, the one nearest to the recipe’s own values is taken', () => {
    const recipe = recipeOf(
      { search: { name: 'grid', points: 5 }, values: { 'distill.alpha': { from: -4, to: 4 } } },
      {},
    );
    const noisy = ({ values, fold }: Evaluation): number => fold + 0.001 * values['distill.alpha']!;
    expect(run(recipe, noisy).end.chosen!.values).toEqual({ 'distill.alpha': 0 });
    const { end } = run(
      { ...recipe, distill: { ...recipe.distill!, tune: { ...recipe.distill!.tune!, rule: 'best' } } },
      noisy,
    );
    expect(end.chosen!.values).toEqual({ 'distill.alpha': -4 });
    expect(run(recipe, ({ values, fold }) => 100 * values['distill.alpha']! + 0.01 * fold).end.chosen!.values).toEqual({
      'distill.alpha': -4,
    });
  });

  test('trials whose numbers are not finite drop out; a search in which none is has no choice', () => {
    const recipe = recipeOf({ search: { name: 'halving', trials: 9, rounds: 2 } });
    const { end } = run(recipe, (each) => (each.values['distill.alpha']! > 0.5 ? Infinity : bowl(each)));
    expect(end.chosen!.values['distill.alpha']).toBeLessThanOrEqual(0.5);
    expect(run(recipe, () => Infinity).end).toMatchObject({
      chosen: undefined,
      reason: 'no trial gave finite numbers on every fold',
    });
  });
});
