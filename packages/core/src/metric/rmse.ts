// The root of the mean squared error.
import { defineMetric } from './define-metric.js';

/** In the units of the targets, mean over them before the root. */
export const rmse = defineMetric({
  name: 'rmse',
  smallerIsBetter: true,
  format: 'number',
  finish: ({ rows, targets }) =>
    Math.sqrt(
      targets.reduce((sum, { squares, deviation }) => sum + (deviation ** 2 * squares) / rows / targets.length, 0),
    ),
});
