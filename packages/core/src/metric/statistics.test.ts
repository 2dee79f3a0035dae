import { expect, test } from 'vitest';
import { estimate, tQuantile95 } from './statistics.js';

test.each([
  [1, 12.7062],
  [2, 4.3027],
  [3, 3.1824],
  [4, 2.7764],
  [5, 2.5706],
  [9, 2.2622],
  [10, 2.2281],
  [30, 2.0423],
  [1000, 1.9623],
])('Student’s t of %d degrees of freedom is %d, as tables have it', (degrees, expected) => {
  expect(tQuantile95(degrees)).toBeCloseTo(expected, 3);
});

test('mean, deviation and interval of a few values', () => {
  const { mean, deviation, halfWidth } = estimate([2, 4, 9]);
  expect(mean).toBe(5);
  expect(deviation).toBeCloseTo(Math.sqrt(13), 10);
  expect(halfWidth).toBeCloseTo((4.3027 * Math.sqrt(13)) / Math.sqrt(3), 3);
  expect(estimate([3])).toEqual({ n: 1, mean: 3, deviation: 0, halfWidth: Infinity });
});
