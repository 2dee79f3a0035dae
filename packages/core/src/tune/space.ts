// The space of a search: numbers of the recipe, each in a range or from a list, and as coordinates in [0, 1).
import { StillhouseError } from '../error/errors.js';
import { limits } from '../error/limits.js';
import type { Job } from '../job/job.js';
import { inertReason } from '../recipe/inert.js';
import { parseRecipe } from '../recipe/parse.js';
import { parsePath, valueAt as valueAtPath, withValueAt } from '../recipe/path.js';
import type { Recipe } from '../recipe/schema.js';
import type { TunableConfig } from '../recipe/tune.js';
import { sobolDimensions } from './sobol.js';

/** Values of a trial, by their path in the recipe, such as distill.terms[0].weight. */
export type TunedValues = Readonly<Record<string, number>>;

export interface Dimension {
  readonly path: string;
  readonly config: TunableConfig;
}

const numberAt = (recipe: Recipe, path: string): unknown => valueAtPath(recipe, parsePath(path));

/**
 * The recipe with other numbers at some paths.
 * @throws StillhouseError RECIPE_INVALID if a number may not have such a value
 */
export function withValues(recipe: Recipe, values: TunedValues): Recipe {
  const changed = Object.entries(values).reduce<unknown>(
    (all, [path, value]) => withValueAt(all, parsePath(path), value),
    recipe,
  );
  return parseRecipe(changed);
}

export const tunedJob = (job: Job, values: TunedValues): Job => ({ ...job, recipe: withValues(job.recipe, values) });

const isList = (config: TunableConfig): config is readonly number[] & TunableConfig => Array.isArray(config);
const endsOf = (config: TunableConfig): number[] => (isList(config) ? [...config] : [config.from, config.to]);

/**
 * The space of a search: the numbers that the recipe names, or else pressure and temperature.
 * @throws StillhouseError RECIPE_INVALID for a path that is not a number of student or distill, and for values that it
 * may not have
 */
export function spaceOf(recipe: Recipe): Dimension[] {
  const { tune } = recipe.distill!;
  const usual: Record<string, TunableConfig> = {
    'distill.alpha': { from: -2, to: 4, scale: 'linear', whole: false },
    ...(inertReason(recipe, 'distill.beta') === undefined
      ? { 'distill.beta': { from: 0.05, to: 1, scale: 'log', whole: false } }
      : {}),
  };
  const dimensions = Object.entries(tune!.values ?? usual).map(([path, config]) => ({ path, config }));
  const fail = (message: string): never => {
    throw new StillhouseError('RECIPE_INVALID', message);
  };
  if (dimensions.length === 0) fail('distill.tune.values is empty: name at least one number to tune');
  const { search } = tune!;
  if (search.name !== 'grid' && dimensions.length > sobolDimensions)
    fail(`distill.tune.values names ${dimensions.length} numbers; ${search.name} tunes at most ${sobolDimensions}`);
  const combinations =
    search.name === 'grid'
      ? dimensions.reduce((product, { config }) => product * (isList(config) ? config.length : search.points), 1)
      : search.trials;
  if (combinations > limits.trialCount)
    fail(`distill.tune.search has ${combinations} trials, more than ${limits.trialCount}`);
  for (const { path, config } of dimensions) {
    const where = `distill.tune.values['${path}']`;
    if (!/^(distill|student)\./.test(path) || path.startsWith('distill.tune'))
      fail(`${where} is not a value of student or distill: only hyperparameters of the student can be tuned`);
    if (typeof numberAt(recipe, path) !== 'number')
      fail(`${where} is not a number in the recipe: add it there with the value that it has without tuning`);
    if (!isList(config) && config.from >= config.to)
      fail(`${where} goes from ${config.from} to ${config.to}: from must be less than to`);
    if (!isList(config) && config.scale === 'log' && config.from <= 0)
      fail(`${where} goes from ${config.from} on a logarithmic scale: from must be greater than 0`);
    const reasons = endsOf(config).map((value) => inertReason(withValues(recipe, { [path]: value }), path));
    if (reasons.every((reason) => reason !== undefined)) fail(`${where} would change nothing: ${reasons[0]}`);
  }
  return dimensions;
}

/** The value at a coordinate in [0, 1). */
export function valueAt(config: TunableConfig, coordinate: number): number {
  if (isList(config)) return config[Math.min(config.length - 1, Math.floor(coordinate * config.length))]!;
  const { from, to, scale, whole } = config;
  const value = scale === 'log' ? from * (to / from) ** coordinate : from + (to - from) * coordinate;
  return whole ? Math.round(value) : Number(value.toPrecision(6));
}

/** The coordinate of a value, which may be outside [0, 1]. */
export function coordinateOf(config: TunableConfig, value: number): number {
  if (isList(config)) {
    const distances = config.map((each) => Math.abs(each - value));
    return (distances.indexOf(Math.min(...distances)) + 0.5) / config.length;
  }
  const { from, to, scale } = config;
  return scale === 'log' ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}

export const pointOf = (space: readonly Dimension[], coordinates: readonly number[]): TunedValues =>
  Object.fromEntries(space.map(({ path, config }, i) => [path, valueAt(config, coordinates[i]!)]));

/** Distance of values from those in the recipe, in the space's own coordinates. */
export function distanceFrom(recipe: Recipe, space: readonly Dimension[], values: TunedValues): number {
  return Math.hypot(
    ...space.map(
      ({ path, config }) =>
        coordinateOf(config, values[path]!) - coordinateOf(config, numberAt(recipe, path) as number),
    ),
  );
}

/** Every combination; ranges at evenly spaced points, including both ends. */
export function gridOf(space: readonly Dimension[], points: number): TunedValues[] {
  const valuesOf = (config: TunableConfig): readonly number[] =>
    isList(config)
      ? config
      : Array.from({ length: points }, (_, i) => valueAt(config, points === 1 ? 0.5 : i / (points - 1)));
  const choices = space.map(({ path, config }) => ({ path, values: [...new Set(valuesOf(config))] }));
  return choices.reduce<TunedValues[]>(
    (all, { path, values }) => all.flatMap((before) => values.map((value) => ({ ...before, [path]: value }))),
    [{}],
  );
}
