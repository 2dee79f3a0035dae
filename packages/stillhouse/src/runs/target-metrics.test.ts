// Several targets have a table of their own; one has none.
import { expect, test } from 'vitest';
import type { Recipe } from '@stillhouse/core';
import { targetMetrics } from './target-metrics.js';

const recipe = { loss: 'mse', data: { table: { target: ['price', 'tiny'] } } } as unknown as Recipe;
const test1 = { loss: 1, rows: 2, r2: 0.5, rmse: 7e8, mae: 3e8 };

test('a row per target and model, with the metrics that the recipe shows', () => {
  const each = { rmse_price: 1e9, rmse_tiny: 0.0001, mae_price: 5e8, mae_tiny: 0.0002, r2_price: 0.75, r2_tiny: 0.25 };
  const { rows, note } = targetMetrics([['teacher', { ...test1, ...each }]], { ...recipe, metrics: ['rmse', 'r2'] })!;
  expect(rows).toEqual([
    ['target', '', 'rmse', 'r2'],
    ['price', 'teacher', '1,000,000,000', '0.7500'],
    ['tiny', 'teacher', '0.0001000', '0.2500'],
  ]);
  expect(note).toContain('means over the 2 targets');
});

test('none for a single target, or a run without them', () => {
  expect(targetMetrics([['teacher', test1]], recipe)).toBeUndefined();
  expect(targetMetrics([], recipe)).toBeUndefined();
});
