// Losses per row: the hard term against labels and the soft term against a teacher. docs/distillation.md derives them.
import * as tf from '@tensorflow/tfjs';
import { huberDelta, type LossName } from '@stillhouse/core';

/** Huber's loss, element by element. */
export function huber(error: tf.Tensor): tf.Tensor {
  const size = tf.abs(error);
  const inner = tf.minimum(size, huberDelta);
  return tf.add(tf.mul(0.5, tf.square(inner)), tf.mul(huberDelta, tf.sub(size, inner)));
}

/** Means and log-variances, each [rows, targets], of the outputs [rows, 2·targets] of `gaussian`. */
export function gaussianOf(outputs: tf.Tensor2D): { mean: tf.Tensor2D; logVariance: tf.Tensor2D } {
  const [rows, width] = outputs.shape;
  return {
    mean: tf.slice(outputs, [0, 0], [rows, width / 2]),
    logVariance: tf.slice(outputs, [0, width / 2], [rows, width / 2]),
  };
}

/** Error [rows, outputs] → loss per row [rows] of a regression loss. */
function regressionLoss(loss: 'mse' | 'mae' | 'huber', error: tf.Tensor2D): tf.Tensor1D {
  if (loss === 'mse') return tf.mean(tf.square(error), 1);
  return tf.mean(loss === 'mae' ? tf.abs(error) : huber(error), 1);
}

/** [rows, classes] of class indices [rows]. Cast, since wasm's oneHot writes whole numbers into floats. */
export const oneHot = (indices: tf.Tensor, classes: number): tf.Tensor2D =>
  tf.cast(tf.oneHot(indices, classes) as tf.Tensor2D, 'float32');

/**
 * Loss of each row against its label.
 * `gaussian`, of a mean μ and a log-variance s for each target, is ½·((y − μ)²·e^{−s} + s), the negative log-likelihood but for
 * a constant (Nix and Weigend 1994, equation 5).
 * @param outputs [rows, outputs]; logits for classification, means and then log-variances for gaussian
 * @param labels class indices [rows, 1] for softmaxCrossEntropy, else targets [rows, targets]
 * @param temperature divides the logits (classification only)
 * @returns [rows]
 */
export function hardLoss(loss: LossName, outputs: tf.Tensor2D, labels: tf.Tensor2D, temperature = 1): tf.Tensor1D {
  if (loss === 'softmaxCrossEntropy') {
    const classes = oneHot(tf.cast(tf.reshape(labels, [labels.shape[0]]), 'int32'), outputs.shape[1]);
    return tf.neg(tf.sum(tf.mul(classes, tf.logSoftmax(tf.div(outputs, temperature))), 1));
  }
  if (loss === 'binaryCrossEntropy') {
    const logits = tf.div(outputs, temperature);
    return tf.mean(tf.sub(tf.softplus(logits), tf.mul(logits, labels)), 1);
  }
  if (loss === 'gaussian') {
    const { mean, logVariance } = gaussianOf(outputs);
    return tf.mul(
      0.5,
      tf.mean(tf.add(tf.mul(tf.square(tf.sub(mean, labels)), tf.exp(tf.neg(logVariance))), logVariance), 1),
    );
  }
  return regressionLoss(loss, tf.sub(outputs, labels));
}

/** Logits at mean 0 and deviation 1, row by row. */
const standardized = (logits: tf.Tensor2D): tf.Tensor2D => {
  const centred = tf.sub<tf.Tensor2D>(logits, tf.mean(logits, 1, true));
  return tf.div(centred, tf.sqrt(tf.maximum(tf.mean(tf.square(centred), 1, true), 1e-12)));
};

/**
 * T²·KL of logits that are standardised first, so that only their pattern counts: a temperature of its own for each row
 * of teacher and student (Sun et al. 2024, equation 7).
 * @returns [rows]
 */
export function standardizedSoftLoss(student: tf.Tensor2D, teacher: tf.Tensor2D, temperature: tf.Scalar): tf.Tensor1D {
  return softLoss(
    'softmaxCrossEntropy',
    standardized(sharedOutputs(student, teacher)),
    standardized(teacher),
    temperature,
  );
}

/** The outputs that the teacher has, too: a student may know classes behind the teacher's. */
export const sharedOutputs = (student: tf.Tensor2D, teacher: tf.Tensor2D): tf.Tensor2D =>
  student.shape[1] > teacher.shape[1] ? tf.slice(student, [0, 0], [student.shape[0], teacher.shape[1]]) : student;

/**
 * The teacher's pull on each row, on the scale of the hard loss.
 * - softmaxCrossEntropy: T²·KL(softmax(t/T) ‖ softmax(s/T)) (Hinton et al. 2015, section 2)
 * - binaryCrossEntropy: the same for Bernoulli(σ(z/T)), mean over outputs
 * - mse: T·KL of Gaussians of variance T/2 = (t − s)²; mae: T·KL of Laplace densities of scale T = |d| − T(1 − e^{−|d|/T})
 * - gaussian: T·KL of Gaussians of variances T·e^{s} = ½·(T·(e^{Δ} − 1 − Δ) + (μ_t − μ_s)²·e^{−s_s}), Δ = s_t − s_s; mean over targets
 * - huber: the loss itself of t − s (its density's KL has no closed form)
 * A student may know classes behind the teacher's: the divergence is then that of the classes that both know (as in Li and
 * Hoiem 2016, section 3).
 * @param student outputs [rows, outputs]
 * @param teacher outputs [rows, outputs]
 * @returns [rows]
 */
export function softLoss(
  loss: LossName,
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  temperature: tf.Scalar,
): tf.Tensor1D {
  if (loss === 'softmaxCrossEntropy') {
    const logTeacher = tf.logSoftmax(tf.div(teacher, temperature));
    const logStudent = tf.logSoftmax(tf.div(sharedOutputs(student, teacher), temperature));
    return tf.mul(tf.square(temperature), tf.sum(tf.mul(tf.exp(logTeacher), tf.sub(logTeacher, logStudent)), 1));
  }
  if (loss === 'binaryCrossEntropy') {
    const t = tf.div(teacher, temperature);
    const s = tf.div(student, temperature);
    // log σ(z) = −softplus(−z), log(1 − σ(z)) = −softplus(z)
    const on = tf.mul(tf.sigmoid(t), tf.sub(tf.softplus(tf.neg(s)), tf.softplus(tf.neg(t))));
    const off = tf.mul(tf.sigmoid(tf.neg(t)), tf.sub(tf.softplus(s), tf.softplus(t)));
    return tf.mul(tf.square(temperature), tf.mean(tf.add(on, off), 1));
  }
  if (loss === 'gaussian') {
    const [s, t] = [gaussianOf(student), gaussianOf(teacher)];
    const apart = tf.sub(t.logVariance, s.logVariance);
    const spread = tf.mul(temperature, tf.sub(tf.sub(tf.exp(apart), 1), apart));
    return tf.mul(
      0.5,
      tf.mean(tf.add(spread, tf.mul(tf.square(tf.sub(t.mean, s.mean)), tf.exp(tf.neg(s.logVariance)))), 1),
    );
  }
  const difference = tf.sub(student, teacher);
  if (loss !== 'mae') return regressionLoss(loss, difference as tf.Tensor2D);
  const size = tf.abs(difference);
  return tf.mean(tf.sub(size, tf.mul(temperature, tf.sub(1, tf.exp(tf.div(tf.neg(size), temperature))))), 1);
}
