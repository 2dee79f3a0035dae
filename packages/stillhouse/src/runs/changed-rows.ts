// Whether the test rows of a run are still those that it was tested on.
import { join, relative } from 'node:path';
import { formatCount, type RunRecord } from '@stillhouse/core';
import type { FileIdentity } from '@stillhouse/datasets';

export interface RowsNow {
  /** The files that the test rows are read from. */
  readonly files: readonly FileIdentity[];
  readonly rows: number;
  /** Folder that the recipe's paths are relative to, which may have moved. */
  readonly recipeFolder: string;
  /** Whether they were held out of the training rows. */
  readonly areHeldOut: boolean;
}

/**
 * What differs, as sentences.
 * @param before the files that the run's data were read from; undefined if it did not note them
 */
export function changedRows(
  { recipeFolder, dataset }: Pick<RunRecord, 'recipeFolder' | 'dataset'>,
  before: readonly FileIdentity[] | undefined,
  now: RowsNow,
): string[] {
  const moved = new Map(
    before?.map(({ path, sha256 }) => [join(now.recipeFolder, relative(recipeFolder, path)), sha256]),
  );
  const seen = now.areHeldOut ? ', and models may have been trained on rows that are test rows now' : '';
  const differing = before === undefined ? [] : now.files.filter(({ path, sha256 }) => moved.get(path) !== sha256);
  const changed = differing.map(({ path }) => {
    const how = moved.has(path) ? 'has changed since the run read it' : 'was not there when the run read its data';
    return `${path} ${how}: the metrics are those of the rows that it has now${seen}`;
  });
  const rows = dataset.rows['test'];
  const count =
    rows === undefined || rows === now.rows
      ? []
      : [`there are ${formatCount(now.rows)} test rows, and the run had ${formatCount(rows)}`];
  return [...changed, ...count];
}
