// The squared error, mean over targets.
import { defineLoss, meanOverTargets } from './define-loss.js';

/** Soft term: T·KL of Gaussians of variance T/2, which is (t − s)² at every T. */
export const mse = defineLoss({
  name: 'mse',
  labels: 'numbers',
  hasTemperature: false,
  row: (row) =>
    meanOverTargets(row, (z, y) => {
      const error = Math.abs(z - y);
      return error * error;
    }),
  hard: ({ tf, outputs, labels }) => tf.mean(tf.square(tf.sub(outputs, labels)), 1),
  soft: ({ tf, student, teacher }) => tf.mean(tf.square(tf.sub(student, teacher)), 1),
});
