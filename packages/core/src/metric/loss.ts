// The loss that is trained on, mean over rows.
import { defineMetric } from './define-metric.js';

/** The mean loss, on the scale of training. */
export const loss = defineMetric({
  name: 'loss',
  smallerIsBetter: true,
  format: 'number',
  finish: ({ rows, loss }) => loss / rows,
});
