import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noDurations, summaryOf, withDuration } from './durations.js';

const summaryOfAll = (all: readonly number[]) => summaryOf(all.reduce((sum, ms) => withDuration(sum, ms), noDurations));

test('nothing has no summary', () => {
  expect(summaryOf(noDurations)).toBeUndefined();
});

test('the mean is exact, and quantiles are those of the sorted list to within five per cent', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 }), (all) => {
      const { meanMs, p50Ms, p95Ms } = summaryOfAll(all)!;
      const sorted = all.toSorted((a, b) => a - b);
      const exact = (share: number): number => sorted[Math.ceil(share * all.length) - 1]!;
      expect(meanMs).toBeCloseTo(all.reduce((sum, ms) => sum + ms, 0) / all.length, 6);
      expect(Math.abs(p50Ms / exact(0.5) - 1)).toBeLessThan(0.05);
      expect(Math.abs(p95Ms / exact(0.95) - 1)).toBeLessThan(0.05);
    }),
  );
});

test('durations of nothing, and of weeks, are counted', () => {
  expect(summaryOfAll([0, 0, 0])).toEqual({ meanMs: 0, p50Ms: 0, p95Ms: 0 });
  expect(summaryOfAll([1e12])!.meanMs).toBe(1e12);
});
