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
  /** Steps of a round, after which ranks exchange; 1 if absent. */
  readonly every?: number | undefined;
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

/** Rounds of an epoch: its last one may be shorter than the others. */
export const roundsPerEpoch = (schedule: Schedule): number =>
  Math.ceil(stepsPerEpoch(schedule) / (schedule.every ?? 1));

/** Steps of the round that begins at a step: rounds count from the epoch's first step, and the epoch's end ends one. */
export function roundSteps(schedule: Schedule, step: number): number {
  const { every = 1 } = schedule;
  const perEpoch = stepsPerEpoch(schedule);
  return Math.min(every, perEpoch - (step % perEpoch));
}

/** Rows of all batches of the round that begins at a step. */
export function roundRows(schedule: Schedule, step: number): number {
  const first = (step % stepsPerEpoch(schedule)) * schedule.batch;
  return Math.min(roundSteps(schedule, step) * schedule.batch, schedule.rowCount - first);
}

/** The share of `rank` when `count` things are dealt evenly to `ranks` ranks, as [first, end). */
export function rankShare(count: number, ranks: number, rank: number): [first: number, end: number] {
  return [Math.floor((count * rank) / ranks), Math.floor((count * (rank + 1)) / ranks)];
}
