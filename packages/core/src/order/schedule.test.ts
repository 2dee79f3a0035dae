import fc from 'fast-check';
import { expect, test } from 'vitest';
import { costsOf, dealRanks, stepCost } from '../collective/assignment.js';
import { segmentsOf } from '../collective/chunks.js';
import { countRows, addLedgers, emptyLedger, ledgerDigest, wholeLedger } from './ledger.js';
import { epochOrder, microBatchesOf, roundRowsOf } from './order.js';
import { keyedPermutation } from '../random/permutation.js';
import {
  batchRows,
  roundRows,
  roundsPerEpoch,
  roundSteps,
  stepsPerEpoch,
  totalSteps,
  type Schedule,
} from './schedule.js';

const scheduleArbitrary = fc.record({
  rowCount: fc.integer({ min: 1, max: 400 }),
  batch: fc.integer({ min: 1, max: 64 }),
  ranks: fc.integer({ min: 1, max: 12 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  windows: fc.option(
    fc.record({ blockRows: fc.integer({ min: 1, max: 50 }), windowBlocks: fc.integer({ min: 1, max: 5 }) }),
    { nil: undefined },
  ),
});

/** Row ids of each rank at each step of an epoch. */
function epochRows(schedule: Schedule, epoch: number): number[][][] {
  const order = epochOrder(schedule, epoch);
  return Array.from({ length: stepsPerEpoch(schedule) }, (_, i) =>
    Array.from({ length: schedule.ranks }, (_, rank) => [
      ...order.rankRows({ step: epoch * stepsPerEpoch(schedule) + i, rank }),
    ]),
  );
}

test('every row is used exactly once an epoch, whatever divides what', () => {
  fc.assert(
    fc.property(scheduleArbitrary, (schedule) => {
      const steps = epochRows(schedule, 1);
      expect(steps.flat(2).sort((a, b) => a - b)).toEqual(Array.from({ length: schedule.rowCount }, (_, i) => i));
      steps.forEach((ranks, step) => expect(ranks.flat()).toHaveLength(batchRows(schedule, step)));
      expect(totalSteps(schedule)).toBe(stepsPerEpoch(schedule) * schedule.epochs);
    }),
  );
});

test('epochs and seeds give different orders', () => {
  const schedule = { rowCount: 1000, batch: 32, ranks: 4, epochs: 2, seed: 7 };
  const orders = [epochRows(schedule, 0), epochRows(schedule, 1), epochRows({ ...schedule, seed: 8 }, 0)].map((steps) =>
    steps.flat(2).join(),
  );
  expect(new Set(orders).size).toBe(3);
});

test('in windows a rank reads a few blocks at a time, one window after the other', () => {
  fc.assert(
    fc.property(
      scheduleArbitrary.filter(({ windows }) => windows !== undefined),
      (schedule) => {
        const { blockRows, windowBlocks } = schedule.windows!;
        const steps = epochRows(schedule, 0);
        for (let rank = 0; rank < schedule.ranks; rank++) {
          const blocks = steps.flatMap((ranks) => ranks[rank]).map((row) => Math.floor(row! / blockRows));
          const windowRows = windowBlocks * blockRows;
          for (let first = 0; first < blocks.length; first += windowRows) {
            // The first and the last may be cut by the ends of the run, and the set's last block may be short.
            expect(new Set(blocks.slice(first, first + windowRows)).size).toBeLessThanOrEqual(windowBlocks + 2);
          }
        }
      },
    ),
  );
});

test(
  'a window mixes: with a set in order, the mean of a batch strays from the whole mean at most twice as far as ' +
    'in a full shuffle',
  () => {
    const plain = { rowCount: 40_000, batch: 64, ranks: 4, epochs: 1, seed: 5 };
    const spreadOf = (schedule: Schedule): number => {
      const means = epochRows(schedule, 0).map(
        (ranks) => ranks.flat().reduce((sum, row) => sum + row, 0) / ranks.flat().length / plain.rowCount,
      );
      return Math.sqrt(means.reduce((sum, mean) => sum + (mean - 0.5) ** 2, 0) / means.length);
    };
    // Of a mean of 64 uniform numbers: 0.036.
    const shuffled = spreadOf(plain);
    const windowed = spreadOf({ ...plain, windows: { blockRows: 100, windowBlocks: 8 } });
    const inOrder = spreadOf({ ...plain, windows: { blockRows: 1000, windowBlocks: 1 } });
    expect(shuffled).toBeLessThan(0.04);
    expect(windowed).toBeLessThan(2 * shuffled);
    expect(inOrder).toBeGreaterThan(3 * shuffled);
  },
);

test('a keyed permutation is a bijection', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.nat(), (size, key) => {
      const permutation = keyedPermutation(size, key);
      expect(new Set(Array.from({ length: size }, (_, i) => permutation.at(i))).size).toBe(size);
      for (let i = 0; i < size; i += 7) expect(permutation.indexOf(permutation.at(i))).toBe(i);
    }),
    { numRuns: 50 },
  );
});

test('a keyed permutation reaches beyond 32 bits', () => {
  const size = 2 ** 40;
  const permutation = keyedPermutation(size, 3);
  const values = Array.from({ length: 1000 }, (_, i) => permutation.at(size - 1 - i));
  expect(new Set(values).size).toBe(1000);
  expect(values.every((value) => Number.isSafeInteger(value) && value >= 0 && value < size)).toBe(true);
  expect(values.some((value) => value > 2 ** 32)).toBe(true);
});

test('a permutation shuffles evenly: the mean displacement is that of a random one', () => {
  const size = 10_000;
  const permutation = keyedPermutation(size, 11);
  let displacement = 0;
  for (let i = 0; i < size; i++) displacement += Math.abs(permutation.at(i) - i);
  // E|i − π(i)| = (n² − 1)/(3n).
  expect(displacement / size / (size / 3)).toBeGreaterThan(0.97);
  expect(displacement / size / (size / 3)).toBeLessThan(1.03);
});

test('the ledger does not depend on order or on who counted, and sees a row lost, repeated or swapped', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 200 }), fc.nat(), (rows, seed) => {
      const order = keyedPermutation(rows, seed);
      const ids = Array.from({ length: rows }, (_, i) => order.at(i));
      const half = Math.floor(rows / 2);
      const split = addLedgers(countRows(emptyLedger, ids.slice(0, half)), countRows(emptyLedger, ids.slice(half)));
      expect(split).toEqual(wholeLedger(rows));
      expect(ledgerDigest(countRows(emptyLedger, ids.slice(1)))).not.toBe(ledgerDigest(wholeLedger(rows)));
      expect(ledgerDigest(countRows(emptyLedger, [ids[1]!, ...ids.slice(1)]))).not.toBe(
        ledgerDigest(wholeLedger(rows)),
      );
    }),
  );
});

test('slow workers get fewer ranks, and no other dealing of so many to each is done sooner', () => {
  expect(dealRanks(8, [1, 1, 4]).map(({ lo, hi }) => hi - lo)).toEqual([4, 4, 0]);
  expect(dealRanks(9, [1, 2]).map(({ lo, hi }) => hi - lo)).toEqual([6, 3]);
  expect(costsOf([undefined, 5, 3, 4])).toEqual([4, 5, 3, 4]);
  expect(costsOf([undefined, undefined])).toEqual([1, 1]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 3 }),
      (ranks, costs) => {
        const best = stepCost(dealRanks(ranks, costs), costs);
        const dealings =
          costs.length === 1
            ? [[ranks]]
            : Array.from({ length: ranks + 1 }, (_, a) => a).flatMap((a) =>
                costs.length === 2
                  ? [[a, ranks - a]]
                  : Array.from({ length: ranks - a + 1 }, (_, b) => [a, b, ranks - a - b]),
              );
        for (const counts of dealings)
          expect(Math.max(...counts.map((count, i) => count * costs[i]!))).toBeGreaterThanOrEqual(best);
      },
    ),
  );
});

test('ranks are dealt in contiguous runs that cover them; more workers than ranks leave some without', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (ranks, workers) => {
      const runs = dealRanks(ranks, Array<number>(workers).fill(7));
      expect(runs).toHaveLength(workers);
      expect(runs.flatMap(({ lo, hi }) => Array.from({ length: hi - lo }, (_, i) => lo + i))).toEqual(
        Array.from({ length: ranks }, (_, i) => i),
      );
      const sizes = runs.filter(({ lo, hi }) => hi > lo).map(({ lo, hi }) => hi - lo);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test('segments cover the flat gradient', () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.integer({ min: 1, max: 40 }), (length, owners) => {
      const segments = segmentsOf({ length, owners, align: 16 });
      expect(segments[0]!.lo).toBe(0);
      expect(segments.at(-1)!.hi).toBe(length);
      segments.slice(1).forEach((segment, i) => expect(segment.lo).toBe(segments[i]!.hi));
    }),
  );
});

test('rounds follow one another to the end of each epoch, and have the rows of their steps', () => {
  fc.assert(
    fc.property(scheduleArbitrary, fc.integer({ min: 1, max: 9 }), (plain, every) => {
      const schedule = { ...plain, every };
      const perEpoch = stepsPerEpoch(schedule);
      for (let epoch = 0; epoch < schedule.epochs; epoch++) {
        const order = epochOrder(schedule, epoch);
        let step = epoch * perEpoch;
        for (let round = 0; round < roundsPerEpoch(schedule); round++) {
          const steps = Array.from({ length: roundSteps(schedule, step) }, (_, i) => step + i);
          expect(roundRows(schedule, step)).toBe(steps.reduce((sum, each) => sum + batchRows(schedule, each), 0));
          for (let rank = 0; rank < schedule.ranks; rank++) {
            const at = { step, rank };
            const batches = microBatchesOf(schedule, at, roundRowsOf(order, schedule, at));
            expect(batches.map(({ step: each, rows }) => [each, ...rows])).toEqual(
              steps.map((each) => [each, ...order.rankRows({ step: each, rank })]),
            );
          }
          step += steps.length;
        }
        expect(step).toBe((epoch + 1) * perEpoch);
      }
    }),
    { numRuns: 60 },
  );
});
