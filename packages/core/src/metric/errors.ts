// The number of rows of which some label is not predicted.
import { defineMetric } from './define-metric.js';

export const errors = defineMetric({
  name: 'errors',
  smallerIsBetter: true,
  format: 'count',
  finish: ({ rows, correct }) => rows - correct,
});
