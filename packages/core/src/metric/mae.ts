// The mean absolute error.
import { defineMetric } from './define-metric.js';

/** In the units of the targets, mean over them. */
export const mae = defineMetric({
  name: 'mae',
  smallerIsBetter: true,
  format: 'number',
  finish: ({ rows, targets }) =>
    targets.reduce((sum, { sizes, deviation }) => sum + (deviation * sizes) / rows / targets.length, 0),
});
