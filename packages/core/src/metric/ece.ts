// The expected calibration error (Guo et al. 2017, equation 5).
import { defineMetric } from './define-metric.js';

/** Mean distance between confidence and accuracy over the bins, weighted by their counts. */
export const ece = defineMetric({
  name: 'ece',
  smallerIsBetter: true,
  format: 'number',
  finish({ bins }) {
    let [count, distance] = [0, 0];
    for (const bin of bins) {
      count += bin.count;
      distance += Math.abs(bin.hits - bin.confidence);
    }
    return distance / count;
  },
});
