// The order in which an epoch uses its rows, and which rank uses which: a function of only (seed, epoch). Small sets
// are shuffled whole; in sets that no worker holds, the blocks are shuffled, and each rank draws from a window of a few
// of its own at a time, so that disks and networks read one block after the other.
import { keyedPermutation } from '../random/permutation.js';
import { hashName, randomStream, type RandomStream } from '../random/random.js';
import type { RowIds, RowRange } from './row.js';
import { dealtRanges, drawnRow, startsOf } from './sampling.js';
import { batchRows, rankShare, roundSteps, stepsPerEpoch, type Schedule } from './schedule.js';

export interface EpochOrder {
  /** Row ids of a rank's micro-batch, by the step counted over all epochs. May be empty. */
  rankRows(at: { step: number; rank: number }): RowIds;
  /** Present if a rank draws from one window of rows after the other. */
  readonly windows: Windows | undefined;
}

export interface Windows {
  /** Rows of a window; a rank's last window may have fewer. */
  readonly rows: number;
  /** Position of a micro-batch's first row among all rows that the rank uses in the epoch, in order. */
  placeOf(at: { step: number; rank: number }): number;
  /** Rows that a rank uses in the epoch. */
  lengthOf(rank: number): number;
  /** Row ids of a rank's window in the order in which they are used; none after the last window. */
  rowsOf(rank: number, index: number): Float64Array;
}

/** @param epoch counted from 0; the order covers only the steps of this epoch */
export function epochOrder(schedule: Schedule, epoch: number): EpochOrder {
  return schedule.windows ? windowedOrder({ ...schedule, ...schedule.windows }, epoch) : shuffledOrder(schedule, epoch);
}

/** Row ids of a rank's micro-batches in the round that begins at a step, one after the other. */
export function roundRowsOf(order: EpochOrder, schedule: Schedule, at: { step: number; rank: number }): RowIds {
  const steps = roundSteps(schedule, at.step);
  if (steps === 1) return order.rankRows(at);
  return Float64Array.from(numbers(steps, (i) => [...order.rankRows({ step: at.step + i, rank: at.rank })]).flat());
}

/** A rank's micro-batch in a step. */
export interface MicroBatchRows {
  readonly step: number;
  /** May be empty. */
  readonly rows: RowIds;
}

/**
 * The micro-batches that a rank's rows of a round belong to.
 * @param at the round's first step
 * @param rows of all its steps, as `roundRowsOf` gives them
 */
export function microBatchesOf(schedule: Schedule, at: { step: number; rank: number }, rows: RowIds): MicroBatchRows[] {
  const all = Float64Array.from(rows);
  let end = 0;
  return numbers(roundSteps(schedule, at.step), (i) => {
    const step = at.step + i;
    const [low, high] = rankShare(batchRows(schedule, step), schedule.ranks, at.rank);
    const first = end;
    end += high - low;
    return { step, rows: all.subarray(first, end) };
  });
}

function numbers<T>(count: number, at: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => at(i));
}

/** Steps take the shuffled rows in turn; ranks take the parts of a step. */
function shuffledOrder(schedule: Schedule, epoch: number): EpochOrder {
  const { rowCount, seed, segments } = schedule;
  const permutation = keyedPermutation(rowCount, seed, hashName('epoch'), epoch);
  const rowOf = segments ? drawnRow(segments, seed, epoch) : (draw: number) => draw;
  return {
    rankRows({ step, rank }) {
      const first = (step % stepsPerEpoch(schedule)) * schedule.batch;
      const [low, high] = rankShare(batchRows(schedule, step), schedule.ranks, rank);
      return numbers(high - low, (i) => rowOf(permutation.at(first + low + i)));
    },
    windows: undefined,
  };
}

/** Rows that a rank uses in the first steps of an epoch. */
function rowsBefore(schedule: Schedule, rank: number, steps: number): number {
  const width = (count: number): number => {
    const [low, high] = rankShare(count, schedule.ranks, rank);
    return high - low;
  };
  const whole = Math.floor(schedule.rowCount / schedule.batch);
  return (
    Math.min(steps, whole) * width(schedule.batch) + (steps > whole ? width(schedule.rowCount % schedule.batch) : 0)
  );
}

/**
 * The rows at the positions from … end − 1 if blocks follow one another in a shuffled order. The set's last
 * block may be shorter than the others.
 */
function shuffledBlocks(
  { rowCount, blockRows, seed }: Schedule & { blockRows: number },
  epoch: number,
): (from: number, end: number) => RowRange[] {
  const count = Math.ceil(rowCount / blockRows);
  const order = keyedPermutation(count, seed, hashName('blocks'), epoch);
  const shortAt = order.indexOf(count - 1);
  const shortRows = rowCount - (count - 1) * blockRows;
  const startOf = (index: number): number => index * blockRows - (index > shortAt ? blockRows - shortRows : 0);
  return (from, end) => {
    const ranges: RowRange[] = [];
    // Of the two blocks that a position may be in, the later one if it has begun.
    let index = Math.floor(from / blockRows);
    while (index + 1 < count && startOf(index + 1) <= from) index += 1;
    for (let place = from; place < end; index++) {
      const block = order.at(index);
      const stop = Math.min(end, startOf(index) + (index === shortAt ? shortRows : blockRows));
      ranges.push({ first: block * blockRows + place - startOf(index), count: stop - place });
      place = stop;
    }
    return ranges;
  };
}

function windowedOrder(schedule: Schedule & { blockRows: number; windowBlocks: number }, epoch: number): EpochOrder {
  const { ranks, seed, blockRows, windowBlocks } = schedule;
  const steps = stepsPerEpoch(schedule);
  const windowRows = windowBlocks * blockRows;
  const rangesBetween = schedule.segments
    ? dealtRanges(schedule.segments, { seed, epoch, stretchRows: windowRows })
    : shuffledBlocks(schedule, epoch);
  const lengths = numbers(ranks, (rank) => rowsBefore(schedule, rank, steps));
  const starts = startsOf(lengths);
  /** A rank's current window, and the one that is being fetched. */
  const recent = new Map<number, { index: number; rows: Float64Array }[]>();
  const rowsOf = (rank: number, index: number): Float64Array => {
    const known = recent.get(rank) ?? [];
    const found = known.find((window) => window.index === index);
    if (found) return found.rows;
    const first = starts[rank]! + index * windowRows;
    const end = Math.min(starts[rank + 1]!, first + windowRows);
    const rows = new Float64Array(Math.max(0, end - first));
    let filled = 0;
    for (const range of rangesBetween(first, end))
      for (let i = 0; i < range.count; i++) rows[filled++] = range.first + i;
    shuffle(rows, randomStream(seed, hashName('window'), epoch, rank, index));
    recent.set(rank, [...known, { index, rows }].slice(-2));
    return rows;
  };
  const placeOf = ({ step, rank }: { step: number; rank: number }): number => rowsBefore(schedule, rank, step % steps);
  return {
    rankRows({ step, rank }) {
      const from = placeOf({ step, rank });
      const to = rowsBefore(schedule, rank, (step % steps) + 1);
      const rows = new Float64Array(to - from);
      for (let at = from; at < to;) {
        const index = Math.floor(at / windowRows);
        const end = Math.min(to, (index + 1) * windowRows);
        rows.set(rowsOf(rank, index).subarray(at - index * windowRows, end - index * windowRows), at - from);
        at = end;
      }
      return rows;
    },
    windows: { rows: windowRows, placeOf, lengthOf: (rank) => lengths[rank]!, rowsOf },
  };
}

/** Every order is equally likely (Fisher and Yates; Durstenfeld 1964). */
function shuffle(values: Float64Array, next: RandomStream): void {
  for (let i = values.length - 1; i > 0; i--) {
    const k = Math.floor(next() * (i + 1));
    const value = values[i]!;
    values[i] = values[k]!;
    values[k] = value;
  }
}
