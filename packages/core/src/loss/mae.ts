// The absolute error, mean over targets.
import { defineLoss, meanOverTargets } from './define-loss.js';

/** Soft term: T·KL of Laplace densities of scale T, |d| − T(1 − e^{−|d|/T}). */
export const mae = defineLoss({
  name: 'mae',
  labels: 'numbers',
  row: (row) => meanOverTargets(row, (z, y) => Math.abs(z - y)),
  hard: ({ tf, outputs, labels }) => tf.mean(tf.abs(tf.sub(outputs, labels)), 1),
  soft({ tf, student, teacher, temperature }) {
    const size = tf.abs(tf.sub(student, teacher));
    return tf.mean(tf.sub(size, tf.mul(temperature, tf.sub(1, tf.exp(tf.div(tf.neg(size), temperature))))), 1);
  },
});
