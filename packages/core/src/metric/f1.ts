// The harmonic mean of precision and recall.
import { defineMetric } from './define-metric.js';
import { meanScore } from './positives.js';

/** Of the second of two classes; otherwise the mean over classes, or over labels that do not exclude each other. */
export const f1 = defineMetric({
  name: 'f1',
  smallerIsBetter: false,
  format: 'percentage',
  finish: ({ positives }) => meanScore(positives, ({ right, predicted, actual }) => [2 * right, predicted + actual]),
});
