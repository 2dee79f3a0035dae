// A search as a pure function of what has been measured: which trials to run next, on which folds, and in the end which
// one to take. The outcome is the same for any number of parallel trials, and for any order in which they end.
import { hashName, hashWords } from '../random/random.js';
import type { Recipe } from '../recipe/schema.js';
import type { TuneConfig } from '../recipe/tune.js';
import { expectedImprovement, gaussianProcess } from './gaussian-process.js';
import { sobolPoints } from './sobol.js';
import { distanceFrom, gridOf, pointOf, coordinateOf, type Dimension, type TunedValues } from './space.js';

export interface Trial {
  /** Counted from 0, in the order in which trials are proposed. */
  readonly trial: number;
  readonly values: TunedValues;
}

/** One training: a trial on all folds except one, evaluated on that one. */
export interface Evaluation extends Trial {
  readonly fold: number;
}

/** Smaller is better; Infinity if the numbers were not finite. Undefined: not measured yet. */
export type CostOf = (evaluation: Evaluation) => number | undefined;

export interface MeasuredTrial extends Trial {
  /** How many folds it was evaluated on, counted from the first. */
  readonly folds: number;
  readonly mean: number;
  /** Standard error of the mean: the deviation over folds divided by the root of their number. */
  readonly standardError: number;
}

export interface SearchState {
  /** What to measure now; empty once the search is over. */
  readonly pending: readonly Evaluation[];
  /** All measured trials, in order. */
  readonly measured: readonly MeasuredTrial[];
  /** The trial to take, once the search is over; undefined if none gave a finite number. */
  readonly chosen: MeasuredTrial | undefined;
  /** What the search is doing, or why this trial was chosen. */
  readonly reason: string;
}

export interface SearchOptions {
  readonly recipe: Recipe;
  readonly space: readonly Dimension[];
  readonly config: TuneConfig;
}

/** How many trials of a round are evaluated on how many folds. */
interface Rung {
  readonly trials: number;
  readonly folds: number;
}

/**
 * Rungs of successive halving (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016), with folds as the budget.
 */
export function rungsOf(trials: number, folds: number, keep: number): Rung[] {
  const depth = Math.min(
    Math.floor(Math.log(trials) / Math.log(keep) + 1e-9),
    Math.floor(Math.log(folds) / Math.log(keep) + 1e-9),
  );
  return Array.from({ length: depth + 1 }, (_, i) => ({
    trials: Math.max(1, Math.floor(trials / keep ** i)),
    folds: Math.min(folds, Math.ceil(folds / keep ** (depth - i))),
  }));
}

const meanOf = (costs: readonly number[]): number => costs.reduce((sum, cost) => sum + cost, 0) / costs.length;

function measuredTrial(trial: Trial, costs: readonly number[]): MeasuredTrial {
  const mean = meanOf(costs);
  const variance = costs.length > 1 ? costs.reduce((sum, cost) => sum + (cost - mean) ** 2, 0) / (costs.length - 1) : 0;
  return { ...trial, folds: costs.length, mean, standardError: Math.sqrt(variance / costs.length) };
}

/** Candidates from which the next trial is chosen. */
const candidateCount = 512;

/**
 * Trials for which a model of the earlier ones expects the greatest improvement. Each proposal's prediction is taken as
 * its result before the next is sought (Ginsbourger et al. 2010, "kriging believer").
 */
function proposals({ space }: SearchOptions, seen: readonly MeasuredTrial[], count: number, seed: number): number[][] {
  const known = seen.filter(({ mean }) => Number.isFinite(mean));
  const points = known.map(({ values }) => space.map(({ path, config }) => coordinateOf(config, values[path]!)));
  const costs = known.map(({ mean }) => mean);
  const candidates = sobolPoints(space.length, { count: candidateCount, seed });
  if (known.length === 0) return candidates.slice(0, count);
  return Array.from({ length: count }, () => {
    const believe = gaussianProcess([...points], [...costs]);
    const least = Math.min(...costs);
    const best = candidates.reduce((first, each) =>
      expectedImprovement(believe(each), least) > expectedImprovement(believe(first), least) ? each : first,
    );
    candidates.splice(candidates.indexOf(best), 1);
    costs.push(believe(best).mean);
    points.push(best);
    return best;
  });
}

/** The values of a round's trials; undefined after the last round. */
function roundOf(
  options: SearchOptions,
  round: number,
  seenOnFirstFolds: readonly MeasuredTrial[],
): TunedValues[] | undefined {
  const {
    recipe,
    space,
    config: { search },
  } = options;
  const seed = hashWords(recipe.seed, hashName('tune'), round);
  if (search.name === 'grid') return round === 0 ? gridOf(space, search.points) : undefined;
  if (round >= (search.name === 'halving' ? search.rounds : 1)) return undefined;
  const coordinates =
    round === 0
      ? sobolPoints(space.length, { count: search.trials, seed })
      : proposals(options, seenOnFirstFolds, search.trials, seed);
  return coordinates.map((each) => pointOf(space, each));
}

/** Trials with the same values are one trial. */
const distinct = (values: readonly TunedValues[], before: readonly Trial[]): TunedValues[] => {
  const known = new Set(before.map((trial) => JSON.stringify(trial.values)));
  return values.filter((each) => {
    const key = JSON.stringify(each);
    return !known.has(key) && known.add(key);
  });
};

export function searchState(options: SearchOptions, costOf: CostOf): SearchState {
  const { config } = options;
  const folds = config.folds * config.repeats;
  const { search } = config;
  const trials: Trial[] = [];
  const latest = new Map<number, MeasuredTrial>();
  const firsts: MeasuredTrial[] = [];
  const measured = (): MeasuredTrial[] => [...latest.values()].sort((a, b) => a.trial - b.trial);
  for (let round = 0; ; round++) {
    const values = roundOf(options, round, firsts);
    if (!values) break;
    let alive: readonly Trial[] = distinct(values, trials).map((each, i) => ({
      trial: trials.length + i,
      values: each,
    }));
    trials.push(...alive);
    const rungs =
      search.name === 'halving'
        ? rungsOf(Math.max(1, alive.length), folds, search.keep)
        : [{ trials: alive.length, folds }];
    for (const [i, rung] of rungs.entries()) {
      alive = alive.slice(0, rung.trials);
      const wanted = alive.map((trial) => {
        const evaluations = Array.from({ length: rung.folds }, (_, fold) => ({ ...trial, fold }));
        return { trial, costed: evaluations.map((evaluation) => ({ evaluation, cost: costOf(evaluation) })) };
      });
      const pending = wanted.flatMap(({ costed }) =>
        costed.flatMap(({ evaluation, cost }) => (cost === undefined ? [evaluation] : [])),
      );
      if (pending.length > 0)
        return {
          pending,
          measured: measured(),
          chosen: undefined,
          reason:
            `round ${round + 1}: ${alive.length} trial${alive.length === 1 ? '' : 's'} on ${rung.folds} of ` +
            `${folds} folds`,
        };
      const now = wanted.map(({ trial, costed }) =>
        measuredTrial(
          trial,
          costed.flatMap(({ cost }) => cost ?? []),
        ),
      );
      for (const each of now) latest.set(each.trial, each);
      if (i === 0) firsts.push(...now);
      alive = now
        .sort((a, b) => (a.mean < b.mean ? -1 : a.mean > b.mean ? 1 : a.trial - b.trial))
        .map(({ trial, values }) => ({ trial, values }));
    }
  }
  return { pending: [], measured: measured(), ...choose(options, measured(), folds) };
}

/**
 * The best of the trials that were evaluated on all folds. With the one-standard-error rule (Breiman et al. 1984,
 * section 3.4.3) it is the one nearest to the recipe's own values of those within a standard error of the best.
 */
function choose(
  { recipe, space, config }: SearchOptions,
  measured: readonly MeasuredTrial[],
  folds: number,
): Pick<SearchState, 'chosen' | 'reason'> {
  const whole = measured
    .filter((each) => each.folds === folds && Number.isFinite(each.mean))
    .sort((a, b) => a.mean - b.mean || a.trial - b.trial);
  const [best] = whole;
  if (!best) return { chosen: undefined, reason: 'no trial gave finite numbers on every fold' };
  if (config.rule === 'best') return { chosen: best, reason: `the best mean over ${folds} folds` };
  const near = whole.filter(({ mean }) => mean <= best.mean + best.standardError);
  const chosen = near.reduce((nearest, each) =>
    distanceFrom(recipe, space, each.values) < distanceFrom(recipe, space, nearest.values) ? each : nearest,
  );
  return {
    chosen,
    reason:
      `of ${near.length} ${near.length === 1 ? 'trial' : 'trials'} within one standard error of the best, the ` +
      `nearest to the recipe's own values`,
  };
}
