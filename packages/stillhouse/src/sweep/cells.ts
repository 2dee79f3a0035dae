// The runs of a sweep: every combination of values with every seed, and the teachers that they share.
import { hashJson } from '@stillhouse/coordinator';
import { isTrained, type Recipe } from '@stillhouse/core';
import type { RecipeChange } from '../recipe-file.js';

export interface SweepAxis {
  /** Path in the recipe, such as data.small.perClass. */
  readonly path: string;
  readonly values: readonly unknown[];
}

export interface Cell {
  /** Value of each axis. */
  readonly values: readonly unknown[];
  readonly seed: number;
}

export function cellsOf(axes: readonly SweepAxis[], seeds: readonly number[]): Cell[] {
  const combinations = axes.reduce<unknown[][]>(
    (all, { values }) => all.flatMap((before) => values.map((value) => [...before, value])),
    [[]],
  );
  return combinations.flatMap((values) => seeds.map((seed) => ({ values, seed })));
}

/** The values of a cell. */
export const settingsOf = (axes: readonly SweepAxis[], { values, seed }: Cell): RecipeChange[] => [
  ...axes.map(({ path }, i) => ({ path, value: values[i], argument: '--vary' })),
  { path: 'seed', value: seed, argument: '--seeds' },
];

/** A value of an axis, in readable form. */
export const shownValue = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Name of a cell's folder: the same for the same recipe. */
export const folderOf = (recipe: Recipe): string => hashJson(recipe).slice(0, 16);

/** Whether the rows of the large set that a teacher is trained on depend on the seed. */
const drawsBySeed = ({ data, teacher }: Recipe): boolean =>
  teacher.validation > 0 ||
  (data.split?.test ?? 0) > 0 ||
  data.large.take !== undefined ||
  data.large.perClass !== undefined;

/**
 * The recipe that trains only a cell's teacher; undefined if it is pretrained. Cells share a teacher unless their
 * teachers differ in something, or its rows depend on the seed.
 * @param seed seed of shared teachers
 * @param each whether each seed has its own teacher
 */
export function teacherRecipe(recipe: Recipe, { seed, each }: { seed: number; each: boolean }): Recipe | undefined {
  if (!isTrained(recipe.teacher)) return undefined;
  const {
    student,
    baseline,
    distill,
    data: { small, ...data },
    ...rest
  } = recipe;
  return {
    ...rest,
    data,
    name: `${recipe.name} teacher`.slice(0, 100),
    seed: each || drawsBySeed(recipe) ? recipe.seed : seed,
  };
}

/** The cell's recipe, taught by a teacher that was trained for it. */
export function taughtBy(recipe: Recipe, folder: string): Recipe {
  return { ...recipe, teacher: { pretrained: folder, outputs: 'auto', validation: recipe.teacher.validation } };
}
