// How an epoch's rows are dealt to steps and ranks, on any cluster; order.ts says which rows these are.
// Every row is used exactly once per epoch; a short last batch is spread over the ranks like any other.

import type { Segment } from './row.js';

export interface Schedule {
  /** Rows that an epoch uses. */
  readonly rowCount: number;
  /** Rows of a global batch. */
  readonly batch: number;
  readonly ranks: number;
  readonly epochs: number;
  readonly seed: number;
  /** Present if a rank draws from a window of blocks at a time instead of from the whole set. */
  readonly windows?: { readonly blockRows: number; readonly windowBlocks: number } | undefined;
  /** Present if rows are drawn in proportions; rowCount is then the sum of the draws. */
  readonly segments?: readonly Segment[] | undefined;
}

export function stepsPerEpoch(schedule: Schedule): number {
  return Math.ceil(schedule.rowCount / schedule.batch);
}

export function totalSteps(schedule: Schedule): number {
  return stepsPerEpoch(schedule) * schedule.epochs;
}

/** Rows of the global batch of a step (counted from 0 over all epochs). */
export function batchRows(schedule: Schedule, step: number): number {
  const first = (step % stepsPerEpoch(schedule)) * schedule.batch;
  return Math.min(schedule.batch, schedule.rowCount - first);
}

/** The share of `rank` when `count` things are dealt evenly to `ranks` ranks, as [first, end). */
export function rankShare(count: number, ranks: number, rank: number): [first: number, end: number] {
  return [Math.floor((count * rank) / ranks), Math.floor((count * (rank + 1)) / ranks)];
}
