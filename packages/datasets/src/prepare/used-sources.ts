// Which sources of a recipe are prepared, into which sets, and which part of the recipe determines that.
import { usesPool, type Recipe, type SetName, type SourceConfig } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { sha256 } from '../file/sha256.js';
import type { Part } from '../row/selection.js';

export type SourceName = 'large' | 'small' | 'pool' | 'test';
const sourceNames: readonly SourceName[] = ['large', 'small', 'pool', 'test'];

/** The sets that the parts of each source belong to. */
export const setNames: Readonly<Record<SourceName, Readonly<Partial<Record<NonNullable<Part>, SetName>>>>> = {
  large: { training: 'large', validation: 'largeValidation', test: 'test' },
  small: { training: 'small', validation: 'smallValidation' },
  pool: { training: 'pool' },
  test: { training: 'test' },
};

/** Raised whenever the result from the same sources changes, or is refused. */
const format = 5;

/** The part of a recipe that determines its data. */
export const dataOf = (recipe: Recipe): unknown => ({
  format,
  data: recipe.data,
  loss: recipe.loss,
  seed: recipe.seed,
  ranks: recipe.ranks,
  validation: recipe.teacher.validation,
  student: recipe.student?.validation ?? null,
  ...(usesPool(recipe) ? { pool: true } : {}),
});

/** Name of a folder, from what determines its content. */
export const folderNameOf = (value: unknown): string => sha256(JSON.stringify(value)).slice(0, 32);

const isUsed = (name: SourceName, recipe: Recipe): boolean =>
  name === 'small' ? recipe.student !== undefined : name !== 'pool' || usesPool(recipe);

export const usedSources = (recipe: Recipe): [SourceName, SourceConfig][] =>
  sourceNames.flatMap((name): [SourceName, SourceConfig][] =>
    recipe.data[name] && isUsed(name, recipe) ? [[name, recipe.data[name]]] : [],
  );

/** Equal for two sets that are drawn from one source. */
export const sourceId = (config: SourceConfig): string =>
  JSON.stringify({ ...config, take: undefined, perClass: undefined, classes: undefined });

export const isLarge = (config: SourceConfig, { data: { large } }: Recipe): boolean =>
  sourceId(config) === sourceId(large);

/** Sets of the recipe that nothing uses, as sentences. */
export const unusedSets = (recipe: Recipe): string[] => [
  ...(recipe.data.small && !recipe.student ? ['data.small is not used: the recipe has no student'] : []),
  ...(recipe.data.pool && !usesPool(recipe) ? ['data.pool is not used: no distill.transfer takes rows from it'] : []),
];

/** Sets that are drawn per class although the loss has none, as sentences. */
export function drawnPerValue(recipe: Recipe): string[] {
  const { labels, name: loss } = lossOf(recipe.loss);
  if (labels !== 'numbers') return [];
  return usedSources(recipe).flatMap(([name, config]) =>
    'perClass' in config && config.perClass !== undefined
      ? `data.${name}.perClass draws rows per value of the target, because ${loss} has no classes; take draws any rows`
      : [],
  );
}
