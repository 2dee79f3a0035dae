// Counts of rows by class, and scores of them that are means over classes.

/** How many rows are of a class, are predicted to be, and both. */
export interface Positives {
  readonly right: number;
  readonly predicted: number;
  readonly actual: number;
}

/**
 * The mean of a fraction over the classes that some row is of, or is predicted to be of. A fraction of nothing is 0, as
 * in scikit-learn; without such a class there is no mean.
 */
export function meanScore(all: readonly Positives[], fractionOf: (of: Positives) => readonly [number, number]): number {
  const present = all.filter(({ predicted, actual }) => predicted + actual > 0).map(fractionOf);
  return present.reduce((sum, [part, whole]) => sum + (whole > 0 ? part / whole : 0), 0) / present.length;
}
