// Which worker hosts which ranks. It cannot change the result.
import type { Span } from './tree.js';

/** The time that one rank takes on each worker; if it is unknown, the median of the known times. */
export function costsOf(rankMs: readonly (number | undefined)[]): number[] {
  const known = rankMs.filter((ms) => ms !== undefined).filter((ms) => ms > 0);
  const median = known.toSorted((a, b) => a - b)[known.length >> 1] ?? 1;
  return rankMs.map((ms) => (ms !== undefined && ms > 0 ? ms : median));
}

/**
 * Assigns contiguous ranges of ranks to workers so that the slowest worker finishes as early as possible: nearly even
 * ranges if all are equally fast. A worker may get an empty range: it is a spare.
 * @param costs per worker, the time that one rank's micro-batch takes
 */
export function dealRanks(ranks: number, costs: readonly number[]): Span[] {
  const workers = costs.map((cost) => ({ cost, count: 0 }));
  const timeWithOneMore = ({ cost, count }: { cost: number; count: number }): number => (count + 1) * cost;
  for (let dealt = 0; dealt < ranks; dealt++)
    workers.reduce((best, each) => (timeWithOneMore(each) < timeWithOneMore(best) ? each : best)).count += 1;
  let lo = 0;
  return workers.map(({ count }) => {
    const span = { lo, hi: lo + count };
    lo += count;
    return span;
  });
}

/** How long a step takes with this assignment of ranks. */
export const stepCost = (spans: readonly Span[], costs: readonly number[]): number =>
  Math.max(...spans.map(({ lo, hi }, index) => (hi - lo) * costs[index]!));
