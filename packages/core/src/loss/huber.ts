// Huber's loss: squared near 0, linear beyond, mean over targets.
import { defineLoss, meanOverTargets } from './define-loss.js';
import type { Tensor, TensorOps } from './tensor-ops.js';

/** The transition point. */
export const huberDelta = 1;

/** Element by element, for errors of any shape. */
export function huberOf(tf: TensorOps, error: Tensor): Tensor {
  const size = tf.abs(error);
  const inner = tf.minimum(size, huberDelta);
  return tf.add(tf.mul(0.5, tf.square(inner)), tf.mul(huberDelta, tf.sub(size, inner)));
}

/** Soft term: the loss of t − s, because the KL of its density has no closed form. */
export const huber = defineLoss({
  name: 'huber',
  labels: 'numbers',
  hasTemperature: false,
  row: (row) =>
    meanOverTargets(row, (z, y) => {
      const error = Math.abs(z - y);
      return error <= huberDelta ? 0.5 * error * error : huberDelta * (error - 0.5 * huberDelta);
    }),
  hard: ({ tf, outputs, labels }) => tf.mean(huberOf(tf, tf.sub(outputs, labels)), 1),
  soft: ({ tf, student, teacher }) => tf.mean(huberOf(tf, tf.sub(student, teacher)), 1),
});
