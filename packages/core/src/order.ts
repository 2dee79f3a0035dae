// In which order an epoch uses its rows, and which rank uses which: a function of (seed, epoch) alone, in constant memory.
// Small sets are shuffled whole. Large ones, which no worker holds, are shuffled so that disks and networks read blocks
// one after the other: the blocks are shuffled, each rank gets a run of them, and draws from a window of a few at a time.
import { keyedPermutation, type Permutation } from './permutation.js';
import { hashName } from './random.js';
import { batchRows, rankShare, stepsPerEpoch, type Schedule } from './schedule.js';

export interface EpochOrder {
  /** Row ids of a rank's micro-batch, by the step counted over all epochs. May be empty. */
  rankRows(at: { step: number; rank: number }): number[];
  /** Blocks that a rank draws from at a step, and then those of its next window; none where the set is shuffled whole. */
  windowBlocks(at: { step: number; rank: number }): readonly number[];
}

/** @param epoch counted from 0; the order answers for the steps of this epoch alone */
export function epochOrder(schedule: Schedule, epoch: number): EpochOrder {
  return schedule.windows ? windowedOrder({ ...schedule, ...schedule.windows }, epoch) : shuffledOrder(schedule, epoch);
}

const numbers = (count: number, at: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => at(i));

/** Steps take the shuffled rows in turn, and ranks the parts of a step. */
function shuffledOrder(schedule: Schedule, epoch: number): EpochOrder {
  const permutation = keyedPermutation(schedule.rowCount, schedule.seed, hashName('epoch'), epoch);
  return {
    rankRows({ step, rank }) {
      const first = (step % stepsPerEpoch(schedule)) * schedule.batch;
      const [low, high] = rankShare(batchRows(schedule, step), schedule.ranks, rank);
      return numbers(high - low, (i) => permutation.at(first + low + i));
    },
    windowBlocks: () => [],
  };
}

/** Rows that a rank uses in the first steps of an epoch. */
function rowsBefore(schedule: Schedule, rank: number, steps: number): number {
  const width = (count: number): number => {
    const [low, high] = rankShare(count, schedule.ranks, rank);
    return high - low;
  };
  const whole = Math.floor(schedule.rowCount / schedule.batch);
  return Math.min(steps, whole) * width(schedule.batch) + (steps > whole ? width(schedule.rowCount % schedule.batch) : 0);
}

interface ShuffledBlocks {
  /** Row id by its place in the order in which blocks are shuffled. */
  rowAt(place: number): number;
  /** Blocks that hold the places from … end − 1. */
  blocksBetween(from: number, end: number): number[];
}

/** The set's last block may be shorter than the others. */
function shuffledBlocks(schedule: Schedule & { blockRows: number }, epoch: number): ShuffledBlocks {
  const { rowCount, blockRows, seed } = schedule;
  const count = Math.ceil(rowCount / blockRows);
  const order = keyedPermutation(count, seed, hashName('blocks'), epoch);
  let shortAt = 0;
  while (order.at(shortAt) !== count - 1) shortAt += 1;
  const shortFirst = shortAt * blockRows;
  const shortEnd = shortFirst + rowCount - (count - 1) * blockRows;
  const rowAt = (place: number): number => {
    if (place >= shortFirst && place < shortEnd) return (count - 1) * blockRows + place - shortFirst;
    // As if the short block were not there.
    const rest = place < shortFirst ? place : place - shortEnd + shortFirst;
    const index = Math.floor(rest / blockRows);
    return order.at(place < shortFirst ? index : index + 1) * blockRows + (rest % blockRows);
  };
  const endOfBlock = (place: number): number => {
    if (place >= shortFirst && place < shortEnd) return shortEnd;
    const base = place < shortFirst ? 0 : shortEnd;
    return base + (Math.floor((place - base) / blockRows) + 1) * blockRows;
  };
  return {
    rowAt,
    blocksBetween(from, end) {
      const blocks: number[] = [];
      for (let place = from; place < end; place = endOfBlock(place)) blocks.push(Math.floor(rowAt(place) / blockRows));
      return blocks;
    },
  };
}

function windowedOrder(schedule: Schedule & { blockRows: number; windowBlocks: number }, epoch: number): EpochOrder {
  const { ranks, seed, blockRows, windowBlocks } = schedule;
  const steps = stepsPerEpoch(schedule);
  const { rowAt, blocksBetween } = shuffledBlocks(schedule, epoch);
  const windowRows = windowBlocks * blockRows;
  const lengths = numbers(ranks, (rank) => rowsBefore(schedule, rank, steps));
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1)! + length);
  const windows = new Map<number, { index: number; permutation: Permutation }>();
  const windowOf = (rank: number, index: number): Permutation => {
    const known = windows.get(rank);
    if (known?.index === index) return known.permutation;
    const size = Math.min(windowRows, lengths[rank] - index * windowRows);
    const permutation = keyedPermutation(size, seed, hashName('window'), epoch, rank, index);
    windows.set(rank, { index, permutation });
    return permutation;
  };
  const ahead = new Map<number, { index: number; blocks: readonly number[] }>();
  const blocksOf = (rank: number, index: number): readonly number[] => {
    const known = ahead.get(rank);
    if (known?.index === index) return known.blocks;
    const blocks = blocksBetween(starts[rank] + index * windowRows, starts[rank] + Math.min(lengths[rank], (index + 2) * windowRows));
    ahead.set(rank, { index, blocks });
    return blocks;
  };
  return {
    rankRows({ step, rank }) {
      const from = rowsBefore(schedule, rank, step % steps);
      const to = rowsBefore(schedule, rank, (step % steps) + 1);
      return numbers(to - from, (i) => {
        const index = Math.floor((from + i) / windowRows);
        return rowAt(starts[rank] + index * windowRows + windowOf(rank, index).at((from + i) % windowRows));
      });
    },
    windowBlocks: ({ step, rank }) => blocksOf(rank, Math.floor(rowsBefore(schedule, rank, step % steps) / windowRows)),
  };
}
