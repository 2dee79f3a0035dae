// The share of rows of a class that are predicted to be of it.
import { defineMetric } from './define-metric.js';
import { meanScore } from './positives.js';

/** Of the second of two classes; otherwise the mean over classes, or over labels that do not exclude each other. */
export const recall = defineMetric({
  name: 'recall',
  smallerIsBetter: false,
  format: 'percentage',
  finish: ({ positives }) => meanScore(positives, ({ right, actual }) => [right, actual]),
});
