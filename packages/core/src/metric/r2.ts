// The coefficient of determination.
import { defineMetric } from './define-metric.js';

/** 1 − Σ(f−y)²/Σ(y−ȳ)², mean over targets. */
export const r2 = defineMetric({
  name: 'r2',
  smallerIsBetter: false,
  format: 'number',
  finish: ({ rows, targets }) =>
    targets.reduce(
      (sum, { squares, y, ySquares }) => sum + (1 - squares / (ySquares - (y * y) / rows)) / targets.length,
      0,
    ),
});
