// Sampling in proportions: rows are stored in segments (a class, a source, a level of weights), and an epoch draws a
// fixed number from each. A segment's rows are drawn in turn, pass after pass and across epochs, so all are drawn
// equally often, to within one. Which rows these are is a function of only (seed, epoch).
import { addLedgers, countRows, emptyLedger, wholeLedger, type Ledger } from './ledger.js';
import { keyedPermutation, type Permutation } from '../random/permutation.js';
import { hashName } from '../random/random.js';
import type { RowRange, Segment } from './row.js';

/** Where each of several consecutive stretches begins, and where the last one ends. */
export function startsOf(lengths: readonly number[]): number[] {
  let sum = 0;
  return [0, ...lengths.map((length) => (sum += length))];
}

/** Row ids of a segment's draws [from, end) of an epoch, in their stored order. */
export function drawnRanges(
  { first, rows, draws }: Segment,
  epoch: number,
  [from, end]: readonly [number, number],
): RowRange[] {
  const ranges: RowRange[] = [];
  for (let at = epoch * draws + from; at < epoch * draws + end;) {
    const count = Math.min(epoch * draws + end - at, rows - (at % rows));
    ranges.push({ first: first + (at % rows), count });
    at += count;
  }
  return ranges;
}

/** Like drawnRanges, but one by one, in an order that is shuffled per pass over the segment. */
export function drawnRow(segments: readonly Segment[], seed: number, epoch: number): (draw: number) => number {
  const starts = startsOf(segments.map(({ draws }) => draws));
  const passes = new Map<string, Permutation>();
  return (draw) => {
    let index = 0;
    while (draw >= starts[index + 1]!) index += 1;
    const { first, rows, draws } = segments[index]!;
    const at = epoch * draws + draw - starts[index]!;
    const name = `${index} ${Math.floor(at / rows)}`;
    if (!passes.has(name))
      passes.set(name, keyedPermutation(rows, seed, hashName('segment'), index, Math.floor(at / rows)));
    return first + passes.get(name)!.at(at % rows);
  };
}

/**
 * The ledger of an epoch's draws.
 * @param isWhole whether the set is shuffled whole instead of drawn from windows
 */
export function drawnLedger(
  segments: readonly Segment[],
  { seed, epoch, isWhole }: { seed: number; epoch: number; isWhole: boolean },
): Ledger {
  const total = segments.reduce((sum, { draws }) => sum + draws, 0);
  if (isWhole) {
    const rowOf = drawnRow(segments, seed, epoch);
    let ledger = emptyLedger;
    for (let draw = 0; draw < total; draw++) ledger = countRows(ledger, [rowOf(draw)]);
    return ledger;
  }
  return segments
    .flatMap((segment) => drawnRanges(segment, epoch, [0, segment.draws]))
    .map(({ first, count }) => wholeLedger(first + count, first))
    .reduce(addLedgers, emptyLedger);
}

/**
 * The rows at positions [from, end) of an epoch whose draws are dealt so that every stretch contains all segments in
 * their proportions: each segment is cut into as many pieces as there are stretches, which come in a shuffled order.
 */
export function dealtRanges(
  segments: readonly Segment[],
  { seed, epoch, stretchRows }: { seed: number; epoch: number; stretchRows: number },
): (from: number, end: number) => RowRange[] {
  const total = segments.reduce((sum, { draws }) => sum + draws, 0);
  const stretches = Math.max(1, Math.ceil(total / stretchRows));
  const order = keyedPermutation(stretches, seed, hashName('stretches'), epoch);
  const piece = ({ draws }: Segment, stretch: number): [number, number] => [
    Math.floor((draws * stretch) / stretches),
    Math.floor((draws * (stretch + 1)) / stretches),
  ];
  const lengthOf = (stretch: number): number =>
    segments.reduce((sum, segment) => sum + piece(segment, stretch)[1] - piece(segment, stretch)[0], 0);
  const starts = startsOf(Array.from({ length: stretches }, (_, i) => lengthOf(order.at(i))));
  return (from, end) => {
    const ranges: RowRange[] = [];
    let index = 0;
    while (starts[index + 1]! <= from) index += 1;
    for (; index < stretches && starts[index]! < end; index++) {
      let at = starts[index]!;
      for (const segment of segments) {
        const [low, high] = piece(segment, order.at(index));
        const [first, last] = [Math.max(low, low + from - at), Math.min(high, low + end - at)];
        if (first < last) ranges.push(...drawnRanges(segment, epoch, [first, last]));
        at += high - low;
      }
    }
    return ranges;
  };
}

/**
 * Deals `total` draws in proportion to shares, which need not sum to 1: by largest remainders, with at least one each.
 */
export function dealDraws(total: number, shares: readonly number[]): number[] {
  const sum = shares.reduce((all, share) => all + share, 0);
  const deals = shares.map((share) => {
    const exact = (total * share) / sum;
    return { draws: Math.max(1, Math.floor(exact)), remainder: exact - Math.floor(exact) };
  });
  const byRemainder = deals.toSorted((a, b) => b.remainder - a.remainder);
  const missing = total - deals.reduce((all, { draws }) => all + draws, 0);
  for (let i = 0; i < missing; i++) byRemainder[i % byRemainder.length]!.draws += 1;
  return deals.map(({ draws }) => draws);
}
