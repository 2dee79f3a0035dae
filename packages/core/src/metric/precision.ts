// The share of right rows among those that are predicted to be of a class.
import { defineMetric } from './define-metric.js';
import { meanScore } from './positives.js';

/** Of the second of two classes; otherwise the mean over classes, or over labels that do not exclude each other. */
export const precision = defineMetric({
  name: 'precision',
  smallerIsBetter: false,
  format: 'percentage',
  finish: ({ positives }) => meanScore(positives, ({ right, predicted }) => [right, predicted]),
});
