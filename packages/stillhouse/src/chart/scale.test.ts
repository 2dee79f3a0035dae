import fc from 'fast-check';
import { expect, test } from 'vitest';
import { steps } from './scale.js';

test('round numbers around the values, by hand', () => {
  expect(steps([221, 6422])).toEqual([0, 2000, 4000, 6000, 8000]);
  expect(steps([0.47, 0.93])).toEqual([0.4, 0.6, 0.8, 1]);
  expect(steps([-1.2, 3])).toEqual([-2, 0, 2, 4]);
  expect(steps([0, 1])).toEqual([0, 0.5, 1]);
  expect(steps([7, 7.000000001])).toEqual([6, 8]);
  expect(steps([0, 0])).toEqual([0, 0.5]);
});

test('few, even, around all values, and never below 0 where no value is', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => value / 1000),
        { minLength: 1 },
      ),
      (values) => {
        const marks = steps(values);
        expect(marks.length).toBeGreaterThan(1);
        expect(marks.length).toBeLessThan(8);
        expect(marks[0]).toBeLessThanOrEqual(Math.min(...values));
        expect(marks.at(-1)!).toBeGreaterThanOrEqual(Math.max(...values));
        if (Math.min(...values) >= 0) expect(marks[0]).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});
