// What is searched for the baseline: its epochs by the curves of its folds, and with the student's budget its values.
import type { MetricName } from '../metric/built-in.js';
import { smallerIsBetter, type Metrics } from '../metric/metrics.js';
import { formatPath, parsePath, valueAt } from '../recipe/path.js';
import type { Recipe } from '../recipe/schema.js';
import type { TuneConfig } from '../recipe/tune.js';
import { gridOf, type Dimension } from './space.js';

/** A baseline that is not tuned has this many folds, or fewer if the small set has few rows of a class. */
const usualFolds = 5;

/**
 * Folds that the small set has enough rows for; fewer than 2 if it cannot be cross-validated.
 * @param labels class of each row; undefined if there are none
 */
export function baselineFolds(rows: number, labels: ArrayLike<number> | undefined): number {
  const counts = new Map<number, number>();
  for (let row = 0; row < rows; row++) {
    const label = labels?.[row] ?? 0;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return Math.min(usualFolds, ...counts.values());
}

/** How many values a dimension has: Infinity for a range of fractions. */
const valueCount = ({ config }: Dimension): number =>
  !('from' in config) ? new Set(config).size : config.whole ? config.to - config.from + 1 : Infinity;

/** Trials of a search, at most. */
function trialsOf({ search }: Pick<TuneConfig, 'search'>, space: readonly Dimension[]): number {
  if (search.name === 'grid') return gridOf(space, search.points).length;
  return search.name === 'halving' ? search.trials * search.rounds : search.trials;
}

const ratePath = 'student.optimizer.learningRate';

/** The learning rate from a tenth to ten times the student's, and as far as the values that the search lists for it. */
function wideRate(recipe: Recipe, own: readonly Dimension[]): Dimension {
  const { learningRate } = recipe.student!.optimizer;
  const named = own.find(({ path }) => path === ratePath)?.config ?? [];
  const values = [learningRate / 10, learningRate * 10, ...('from' in named ? [named.from, named.to] : named)];
  return {
    path: ratePath,
    config: { from: Math.min(...values), to: Math.max(...values), scale: 'log', whole: false },
  };
}

/**
 * The search of a tuned student's baseline, which has at least as many trials. It is over the student's own values that
 * the student's search names, except sizes of its model, which both share. If these could be too few for that, it is
 * over a wide range of the learning rate as well: a grid has as many trials as combinations, and other searches may
 * propose one of finitely many combinations twice, which is one trial.
 * @param space of the student's search
 */
export function baselineSearch(
  recipe: Recipe,
  space: readonly Dimension[],
): { space: Dimension[]; search: TuneConfig['search'] } {
  const config = recipe.distill!.tune!;
  const trials = trialsOf(config, space);
  const own = space.filter(({ path }) => path.startsWith('student.') && !path.startsWith('student.model'));
  const combinations = own.reduce((product, dimension) => product * valueCount(dimension), 1);
  const isShort = own.length === 0 || combinations < (config.search.name === 'grid' ? trials : Infinity);
  const searched = isShort ? [...own.filter(({ path }) => path !== ratePath), wideRate(recipe, own)] : own;
  const dimensions = searched.map(({ path, config: of }) => ({
    path: formatPath(['baseline', 'values', path]),
    config: of,
  }));
  let { search } = config;
  if (search.name === 'grid')
    while (search.points < trials && trialsOf({ search }, dimensions) < trials)
      search = { ...search, points: search.points + 1 };
  return { space: dimensions, search };
}

/** The recipe with the student's values as the baseline's own. */
export function withBaselineValues(recipe: Recipe, space: readonly Dimension[]): Recipe {
  const values = Object.fromEntries(
    space.map(({ path }) => {
      const own = String(parsePath(path).at(-1));
      return [own, valueAt(recipe, parsePath(own)) as number];
    }),
  );
  return { ...recipe, baseline: { epochs: 'student', values: { ...values, ...recipe.baseline?.values } } };
}

/** Metrics on the held-out rows of a fold, epoch by epoch. */
export type Curve = readonly Metrics[];

/** Smaller is better; Infinity if the number is not finite. */
const costAt = (metrics: Metrics, metric: MetricName): number => {
  const value = metrics[metric];
  return value === undefined || value === null || !Number.isFinite(value)
    ? Infinity
    : smallerIsBetter(metric)
      ? value
      : -value;
};

/** The least cost of a fold over the epochs from `least` on, counted from 1. */
export const bestCost = (curve: Curve, metric: MetricName, least: number): number =>
  Math.min(...curve.slice(least - 1).map((metrics) => costAt(metrics, metric)));

export interface ChosenEpochs {
  /** Counted from 1. */
  readonly epochs: number;
  /** Mean of the metric over folds after that many epochs, and after all. */
  readonly mean: number;
  readonly meanOfAll: number;
}

/** Mean over folds of how much worse one number of epochs is than another, and the standard error of that mean. */
function worseBy(pairs: readonly (readonly [cost: number, best: number])[]): { mean: number; standardError: number } {
  const differences = pairs.map(([cost, best]) => cost - best);
  const { length } = differences;
  const mean = differences.reduce((sum, each) => sum + each, 0) / length;
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(1, length - 1);
  return { mean, standardError: Math.sqrt(variance / length) };
}

/**
 * The number of epochs whose mean over folds is best, or with the one-standard-error rule (Breiman et al. 1984, section
 * 3.4.3) the largest, the nearest to the student's, that is worse by no more than one standard error of the difference
 * within folds.
 * @param curves of the folds, equally long
 * @param how.least the fewest epochs that may be chosen
 */
export function chooseEpochs(
  curves: readonly Curve[],
  metric: MetricName,
  { least, rule }: { least: number; rule: TuneConfig['rule'] },
): ChosenEpochs {
  const all = curves[0]!.length;
  const costs = (epoch: number): number[] => curves.map((curve) => costAt(curve[epoch - 1]!, metric));
  const meanAt = (epoch: number): number => costs(epoch).reduce((sum, cost) => sum + cost, 0) / curves.length;
  let best = all;
  for (let epoch = all - 1; epoch >= least; epoch--) if (meanAt(epoch) < meanAt(best)) best = epoch;
  let epochs = best;
  if (rule === 'oneStandardError') {
    const atBest = costs(best);
    const isNear = (epoch: number): boolean => {
      const { mean, standardError } = worseBy(costs(epoch).map((cost, fold) => [cost, atBest[fold]!]));
      return mean <= standardError;
    };
    epochs = all;
    while (epochs > best && !isNear(epochs)) epochs -= 1;
  }
  const sign = smallerIsBetter(metric) ? 1 : -1;
  return { epochs, mean: sign * meanAt(epochs), meanOfAll: sign * meanAt(all) };
}
