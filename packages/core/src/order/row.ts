// Rows by their ids: in the order of their use, as consecutive ranges, and in segments that are drawn from in proportions.

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
  /** Rows of it that an epoch uses. */
  readonly draws: number;
}
