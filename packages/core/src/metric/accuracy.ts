// The share of rows whose labels are all predicted.
import { defineMetric } from './define-metric.js';

export const accuracy = defineMetric({
  name: 'accuracy',
  smallerIsBetter: false,
  format: 'percentage',
  finish: ({ rows, correct }) => correct / rows,
});
