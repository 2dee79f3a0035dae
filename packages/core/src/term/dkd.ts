// Decoupled knowledge distillation: the target class against the others, and the others among themselves.
import { z } from 'zod';
import { oneHot, sharedOutputs } from '../loss/softmax-cross-entropy.js';
import type { Tensor, Tensor2D, TensorOps } from '../loss/tensor-ops.js';
import { defineTerm, termCommon } from './define-term.js';

/** Far enough below any logit for its exponential to vanish, and small enough for fp32 to keep differences. */
const masked = -1e4;

/**
 * One-hot [rows, classes] of each row's target: its label, or the teacher's most probable class if it has no label that
 * the teacher knows.
 */
function targetsOf(tf: TensorOps, labels: Tensor2D, teacher: Tensor2D): Tensor {
  const [rows, classes] = teacher.shape;
  const chosen = oneHot(tf, tf.argMax(teacher, 1), classes);
  const labelled = labels.shape[0];
  // A class that the teacher does not know has a row of zeros.
  const own = oneHot(tf, tf.cast(tf.reshape(labels, [labelled]), 'int32'), classes);
  const unknown = tf.sub(1, tf.sum(own, 1, true));
  const known = tf.add(own, tf.mul(unknown, tf.slice(chosen, 0, labelled)));
  return labelled === rows ? known : tf.concat([known, tf.slice(chosen, labelled)]);
}

interface Decoupled {
  readonly target: Tensor;
  readonly others: Tensor;
  readonly among: Tensor;
}

/** log(p_target), log(1 − p_target) and the log-probabilities among the other classes. */
function decoupled(tf: TensorOps, logits: Tensor, targets: Tensor): Decoupled {
  const whole = tf.logSumExp(logits, 1);
  const withoutTarget = tf.add(logits, tf.mul(masked, targets));
  return {
    target: tf.sub(tf.sum(tf.mul(logits, targets), 1), whole),
    others: tf.sub(tf.logSumExp(withoutTarget, 1), whole),
    among: tf.logSoftmax(withoutTarget),
  };
}

/** Σ p·(log p − log q) of two-way distributions, by their logarithms. */
const klOf = (tf: TensorOps, p: Tensor, q: Tensor): Tensor => tf.mul(tf.exp(p), tf.sub(p, q));

/**
 * Zhao et al. 2022, equation 7: target·TCKD + rest·NCKD, each times T². TCKD is the divergence of the two-way
 * distributions (target, rest), NCKD that of the distributions among the classes that are not the target.
 */
export const dkd = defineTerm({
  name: 'dkd',
  schema: z
    .strictObject({
      name: z.literal('dkd'),
      ...termCommon,
      target: z.number().min(0).default(1).describe('Weight of the target class against the rest.'),
      rest: z.number().min(0).default(8).describe('Weight of the divergence among the other classes.'),
    })
    .describe('Decoupled KD (softmaxCrossEntropy only).'),
  refusal: ({ target, rest }, { loss }) =>
    loss.labels === 'class'
      ? target + rest > 0
        ? undefined
        : ' compares nothing: target and rest are 0'
      : ` is dkd, which separates the target class from the others: ${loss.name} has no such classes`,
  loss({ tf, options, student, teacher, labels, temperature }) {
    const targets = targetsOf(tf, labels, teacher.outputs);
    const t = decoupled(tf, tf.div(teacher.outputs, temperature), targets);
    const s = decoupled(tf, tf.div(sharedOutputs(tf, student.outputs, teacher.outputs), temperature), targets);
    const target = tf.add(klOf(tf, t.target, s.target), klOf(tf, t.others, s.others));
    const rest = tf.sum(klOf(tf, t.among, s.among), 1);
    return tf.mul(tf.square(temperature), tf.add(tf.mul(options.target, target), tf.mul(options.rest, rest)));
  },
});
