// Draws in proportions: exact shares in every epoch, every row of a segment equally often, the ledger of what was
// drawn, and batches that hold all segments.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countRows, emptyLedger } from './ledger.js';
import { epochOrder } from './order.js';
import type { Segment } from './row.js';
import { dealDraws, drawnLedger } from './sampling.js';
import { stepsPerEpoch, type Schedule } from './schedule.js';

const segmentsArbitrary = fc
  .array(fc.record({ rows: fc.integer({ min: 1, max: 60 }), draws: fc.integer({ min: 1, max: 90 }) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((list) => {
    let first = 0;
    return list.map(({ rows, draws }): Segment => {
      const segment = { first, rows, draws };
      // Segments begin with a block of their own, so that ids have gaps.
      first += rows + 3;
      return segment;
    });
  });

const scheduleArbitrary = fc
  .record({
    segments: segmentsArbitrary,
    batch: fc.integer({ min: 1, max: 40 }),
    ranks: fc.integer({ min: 1, max: 6 }),
    epochs: fc.constant(3),
    seed: fc.nat(),
    windows: fc.option(
      fc.record({ blockRows: fc.integer({ min: 1, max: 40 }), windowBlocks: fc.integer({ min: 1, max: 3 }) }),
      { nil: undefined },
    ),
  })
  .map((schedule): Schedule & { segments: Segment[] } => ({
    ...schedule,
    rowCount: schedule.segments.reduce((sum, { draws }) => sum + draws, 0),
  }));

function rowsOf(schedule: Schedule, epoch: number): number[][] {
  const order = epochOrder(schedule, epoch);
  const steps = stepsPerEpoch(schedule);
  return Array.from({ length: steps }, (_, i) =>
    Array.from({ length: schedule.ranks }, (__, rank) => [...order.rankRows({ step: epoch * steps + i, rank })]).flat(),
  );
}

test('each epoch draws each segment as often as it should, and each of its rows equally often', () => {
  fc.assert(
    fc.property(scheduleArbitrary, (schedule) => {
      const times = new Map<number, number>();
      for (let epoch = 0; epoch < schedule.epochs; epoch++) {
        const rows = rowsOf(schedule, epoch).flat();
        expect(rows).toHaveLength(schedule.rowCount);
        for (const row of rows) times.set(row, (times.get(row) ?? 0) + 1);
        for (const { first, rows: count, draws } of schedule.segments)
          expect(rows.filter((row) => row >= first && row < first + count)).toHaveLength(draws);
        expect(countRows(emptyLedger, rows)).toEqual(
          drawnLedger(schedule.segments, { seed: schedule.seed, epoch, isWhole: schedule.windows === undefined }),
        );
      }
      for (const { first, rows, draws } of schedule.segments) {
        const counts = Array.from({ length: rows }, (_, i) => times.get(first + i) ?? 0);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(draws * schedule.epochs);
      }
    }),
    { numRuns: 150 },
  );
});

test('windows hold all segments in their proportions', () => {
  const segments = [
    { first: 0, rows: 100_000, draws: 30_000 },
    { first: 100_000, rows: 1000, draws: 10_000 },
  ];
  const schedule: Schedule = {
    rowCount: 40_000,
    batch: 400,
    ranks: 4,
    epochs: 1,
    seed: 2,
    segments,
    windows: { blockRows: 250, windowBlocks: 8 },
  };
  const shares = rowsOf(schedule, 0).map((rows) => rows.filter((row) => row >= 100_000).length / rows.length);
  const spread = Math.sqrt(shares.reduce((sum, share) => sum + (share - 0.25) ** 2, 0) / shares.length);
  // Drawn one by one: sqrt(0.25 · 0.75 / 400) = 0.022.
  expect(spread).toBeLessThan(0.033);
});

test('draws are dealt in proportion and to the last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 20, max: 10_000 }),
      (shares, total) => {
        const draws = dealDraws(total, shares);
        const sum = shares.reduce((all, share) => all + share, 0);
        expect(
          draws.every((count, i) => count >= 1 && Math.abs(count - Math.max(1, (total * shares[i]!) / sum)) <= 1),
        ).toBe(true);
      },
    ),
  );
  expect(dealDraws(10, [1, 1, 2])).toEqual([3, 2, 5]);
});
