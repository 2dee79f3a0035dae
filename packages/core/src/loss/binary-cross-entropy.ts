// Cross-entropy of independent yes/no classes, mean over outputs, which are logits.
import { defineLoss, meanOverTargets } from './define-loss.js';

/** Soft term: T²·KL of Bernoulli(σ(z/T)), mean over outputs. */
export const binaryCrossEntropy = defineLoss({
  name: 'binaryCrossEntropy',
  labels: 'binary',
  row: (row) => meanOverTargets(row, (z, y) => Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z)))),
  hard({ tf, outputs, labels, temperature }) {
    const logits = tf.div(outputs, temperature);
    return tf.mean(tf.sub(tf.softplus(logits), tf.mul(logits, labels)), 1);
  },
  soft({ tf, student, teacher, temperature }) {
    const t = tf.div(teacher, temperature);
    const s = tf.div(student, temperature);
    // log σ(z) = −softplus(−z), log(1 − σ(z)) = −softplus(z)
    const on = tf.mul(tf.sigmoid(t), tf.sub(tf.softplus(tf.neg(s)), tf.softplus(tf.neg(t))));
    const off = tf.mul(tf.sigmoid(tf.neg(t)), tf.sub(tf.softplus(s), tf.softplus(t)));
    return tf.mul(tf.square(temperature), tf.mean(tf.add(on, off), 1));
  },
});
