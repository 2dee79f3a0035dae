// Folds of repeated stratified cross-validation: which rows of the small set a trial trains on and is evaluated on.
import { StillhouseError } from '../error/errors.js';
import { keyedPermutation } from '../random/permutation.js';
import { hashName } from '../random/random.js';

export interface Fold {
  /** Row ids, in order. */
  readonly train: readonly number[];
  readonly heldOut: readonly number[];
}

export interface FoldsConfig {
  readonly folds: number;
  readonly repeats: number;
  readonly seed: number;
}

/**
 * Folds of one repeat after the other. The rows of each class are dealt to folds in turn, in an order given by the
 * seed. Each class continues where the previous one ended, so folds differ by at most one row, per class and in total.
 * @param labels class of each row; undefined if there are none, as for regression
 * @param nameOf name of a class
 * @throws StillhouseError TUNE_FOLDS if there are more folds than rows, or than rows of a class
 */
export function foldsOf(
  rows: number,
  labels: ArrayLike<number> | undefined,
  { folds, repeats, seed }: FoldsConfig,
  nameOf: (label: number) => string = String,
): Fold[] {
  if (folds > rows)
    throw new StillhouseError('TUNE_FOLDS', `distill.tune.folds is ${folds}, but the small set has ${rows} rows`);
  const classes = new Map<number, number[]>();
  for (let row = 0; row < rows; row++) {
    const label = labels?.[row] ?? 0;
    const members = classes.get(label);
    if (members) members.push(row);
    else classes.set(label, [row]);
  }
  if (labels) {
    const rare = [...classes].find(([, members]) => members.length < folds);
    if (rare)
      throw new StillhouseError(
        'TUNE_FOLDS',
        `distill.tune.folds is ${folds}, but class ${nameOf(rare[0])} has ${rare[1].length} ` +
          `${rare[1].length === 1 ? 'row' : 'rows'} in the small set`,
      );
  }
  return Array.from({ length: repeats }, (_, repeat) => repeat).flatMap((repeat) => {
    const foldOf = new Int32Array(rows);
    let dealt = 0;
    for (const [label, members] of [...classes].sort(([a], [b]) => a - b)) {
      const order = keyedPermutation(members.length, seed, hashName('folds'), repeat, label);
      for (let i = 0; i < members.length; i++) foldOf[members[order.at(i)]!] = dealt++ % folds;
    }
    const all = Array.from({ length: rows }, (_, row) => row);
    return Array.from({ length: folds }, (_, fold) => ({
      train: all.filter((row) => foldOf[row] !== fold),
      heldOut: all.filter((row) => foldOf[row] === fold),
    }));
  });
}
