// The negative log-likelihood of a Gaussian whose variance the model outputs as well, mean over targets.
import { defineLoss, meanOverTargets } from './define-loss.js';
import type { Tensor, Tensor2D, TensorOps } from './tensor-ops.js';

/** Means and log-variances, each [rows, targets], of the outputs [rows, 2·targets]. */
function partsOf(tf: TensorOps, outputs: Tensor2D): { mean: Tensor; logVariance: Tensor } {
  const [rows, width] = outputs.shape;
  return {
    mean: tf.slice(outputs, [0, 0], [rows, width / 2]),
    logVariance: tf.slice(outputs, [0, width / 2], [rows, width / 2]),
  };
}

/**
 * For a mean μ and a log-variance s per target: ½·((y − μ)²·e^{−s} + s), the negative log-likelihood up to a
 * constant (Nix and Weigend 1994, equation 5). Soft term: T·KL of Gaussians of variances T·e^{s} = ½·(T·(e^{Δ} − 1 − Δ)
 * + (μ_t − μ_s)²·e^{−s_s}), Δ = s_t − s_s.
 */
export const gaussian = defineLoss({
  name: 'gaussian',
  labels: 'numbers',
  outputsPerTarget: 2,
  outputsText: 'a mean and a log-variance per target',
  row: (row) =>
    meanOverTargets(row, (z, y, k) => {
      const error = Math.abs(z - y);
      const logVariance = row.outputs[row.labels.length + k]!;
      return 0.5 * (error * error * Math.exp(-logVariance) + logVariance);
    }),
  hard({ tf, outputs, labels }) {
    const { mean, logVariance } = partsOf(tf, outputs);
    return tf.mul(
      0.5,
      tf.mean(tf.add(tf.mul(tf.square(tf.sub(mean, labels)), tf.exp(tf.neg(logVariance))), logVariance), 1),
    );
  },
  soft({ tf, student, teacher, temperature }) {
    const [s, t] = [partsOf(tf, student), partsOf(tf, teacher)];
    const apart = tf.sub(t.logVariance, s.logVariance);
    const spread = tf.mul(temperature, tf.sub(tf.sub(tf.exp(apart), 1), apart));
    return tf.mul(
      0.5,
      tf.mean(tf.add(spread, tf.mul(tf.square(tf.sub(t.mean, s.mean)), tf.exp(tf.neg(s.logVariance)))), 1),
    );
  },
  /** The Gaussian with the mean and the variance of the mixture (Lakshminarayanan et al. 2017, section 2.4). */
  ensemble(tf, outputs) {
    const parts = outputs.map((each) => partsOf(tf, each as Tensor2D));
    const meanOf = (values: Tensor[]): Tensor => tf.div(tf.addN(values), values.length);
    const mean = meanOf(parts.map((part) => part.mean));
    const variance = meanOf(parts.map((part) => tf.add(tf.exp(part.logVariance), tf.square(tf.sub(part.mean, mean)))));
    return tf.concat([mean, tf.log(variance)], 1);
  },
});
