// Which rows each rank uses at each step: a function of (seed, epoch, step, rank) alone, never of the cluster.
// Every row is used exactly once an epoch; a short last batch is spread over the ranks like any other.
import { keyedPermutation, type Permutation } from './permutation.js';
import { hashName } from './random.js';

export interface Schedule {
  readonly rowCount: number;
  /** Rows of a global batch. */
  readonly batch: number;
  readonly ranks: number;
  readonly epochs: number;
  readonly seed: number;
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

export function epochPermutation(schedule: Schedule, epoch: number): Permutation {
  return keyedPermutation(schedule.rowCount, schedule.seed, hashName('epoch'), epoch);
}

/** The share of `rank` in `count` things dealt evenly to `ranks` ranks, as [first, end). */
export function rankShare(count: number, ranks: number, rank: number): [first: number, end: number] {
  return [Math.floor((count * rank) / ranks), Math.floor((count * (rank + 1)) / ranks)];
}

/** Row ids of a rank's micro-batch, given the permutation of the step's epoch. May be empty. */
export function rankRows(schedule: Schedule, permutation: Permutation, step: { step: number; rank: number }): number[] {
  const first = (step.step % stepsPerEpoch(schedule)) * schedule.batch;
  const [low, high] = rankShare(batchRows(schedule, step.step), schedule.ranks, step.rank);
  return Array.from({ length: high - low }, (_, i) => permutation.at(first + low + i));
}
