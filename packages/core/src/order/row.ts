// Rows by their ids: in the order of their use, as consecutive ranges, and in segments for sampling in proportions.

/** Row ids in the order in which they are used. */
export type RowIds = ArrayLike<number> & Iterable<number>;

/** Consecutive rows. */
export interface RowRange {
  /** Id of its first row; the others follow. */
  readonly first: number;
  readonly count: number;
}

export interface Segment {
  /** Id of its first row; the others follow. */
  readonly first: number;
  readonly rows: number;
  /** How many rows an epoch draws from it. */
  readonly draws: number;
}
