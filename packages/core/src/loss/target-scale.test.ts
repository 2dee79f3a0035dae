// Transforms of targets against values of scipy 1.x, and back.
import { expect, test } from 'vitest';
import {
  predictedDeviation,
  predictedTarget,
  predictedTargets,
  scaledTarget,
  targetError,
  transformed,
  unscaledTarget,
  yeoJohnson,
  type TargetScale,
} from './target-scale.js';

const numbers = [-3, -0.5, 0, 0.5, 3];

test.each([
  [0.3, [-5.6212137, -0.58370698, 0, 0.43115645, 1.71905522]],
  [0, [-7.5, -0.625, 0, 0.40546511, 1.38629436]],
  [2, [-1.38629436, -0.40546511, 0, 0.625, 7.5]],
  [-0.5, [-12.4, -0.70227038, 0, 0.36700684, 1]],
])('Yeo–Johnson for λ = %d as scipy has it', (lambda, expected) => {
  expect(numbers.map((y) => yeoJohnson(y, lambda))).toEqual(expected.map((value) => expect.closeTo(value, 8)));
});

const scales: readonly (readonly [string, TargetScale, readonly number[]])[] = [
  ['standardize', { mean: 3, deviation: 2 }, numbers],
  ['log', { mean: 3, deviation: 2, transform: 'log' }, [1e-9, 1, 250_000]],
  ['log1p', { mean: 3, deviation: 2, transform: 'log1p' }, [-0.999, 0, 1, 250_000]],
  ...[-0.5, 0, 0.3, 1, 2, 2.5].map(
    (lambda) =>
      [`yeoJohnson ${lambda}`, { mean: 0.3, deviation: 2, transform: 'yeoJohnson', lambda }, [...numbers, 99]] as const,
  ),
];

test.each(scales)('%s and back, in the same order', (_, scale, values) => {
  const labels = values.map((y) => scaledTarget(y, scale));
  expect(labels.map((label) => unscaledTarget(label, scale) + 10)).toEqual(
    values.map((y) => expect.closeTo(y + 10, y > 1000 ? 5 : 9)),
  );
  expect([...labels].sort((a, b) => a - b)).toEqual(labels);
});

test('numbers that have no logarithm', () => {
  expect([0, -1].map((y) => transformed(y, { transform: 'log' }))).toEqual([NaN, NaN]);
  expect([-1, -2].map((y) => transformed(y, { transform: 'log1p' }))).toEqual([NaN, NaN]);
});

test('where Yeo–Johnson has a bound, predictions end at the last label of the training rows, labels do not', () => {
  const below: TargetScale = { mean: 0, deviation: 1, transform: 'yeoJohnson', lambda: -0.5, limit: 99 };
  // The bound is 2, and 1.8 is 99.
  expect([1, 1.8, 1.9, 2, 3].map((z) => predictedTarget(z, below))).toEqual(
    [3, 99, 99, 99, 99].map((y) => expect.closeTo(y, 9)),
  );
  expect(unscaledTarget(1.9, below)).toBeCloseTo(399, 9);
  const above: TargetScale = { ...below, lambda: 2.5, limit: -99 };
  expect([-1, -3].map((z) => predictedTarget(z, above))).toEqual([expect.closeTo(-3, 9), -99]);
  expect(predictedTargets([1, 1], [below])).toEqual([expect.closeTo(3, 9), 1]);
});

test('errors in the targets’ own units', () => {
  expect(targetError(2, 1, { mean: 5, deviation: 3 })).toBe(3);
  expect(targetError(2, 1, { mean: 0, deviation: 1, transform: 'log' })).toBeCloseTo(Math.E ** 2 - Math.E, 12);
  expect(targetError(2, 0.5, undefined)).toBe(1.5);
});

test('a deviation is half the distance between the quantiles of one deviation below and above', () => {
  expect(predictedDeviation(1, 0.5, { mean: 5, deviation: 3 })).toBe(1.5);
  expect(predictedDeviation(1, 0.5, undefined)).toBe(0.5);
  const log: TargetScale = { mean: 2, deviation: 0.5, transform: 'log' };
  expect(predictedDeviation(1, 0.2, log)).toBeCloseTo((Math.exp(2.6) - Math.exp(2.4)) / 2, 12);
});
