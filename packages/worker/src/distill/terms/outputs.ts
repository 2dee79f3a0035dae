// Terms that compare what teacher and student say: the outputs, row by row.
import * as tf from '@tensorflow/tfjs';
import { oneHot, sharedOutputs, softmaxDivergence, type Loss } from '@stillhouse/core';
import type { DistillationObjective } from './distillation-objective.js';

/** T²·KL of the two distributions at temperature T, or what takes its place for regression: `softLoss` of losses.ts. */
export const knowledgeDistillation = (loss: Loss): DistillationObjective => ({
  loss: ({ student, teacher, temperature }) =>
    loss.soft({ tf, student: student.outputs, teacher: teacher.outputs, temperature }),
});

/** Logits at mean 0 and deviation 1, row by row. */
const standardized = (logits: tf.Tensor2D): tf.Tensor2D => {
  const centred = tf.sub<tf.Tensor2D>(logits, tf.mean(logits, 1, true));
  return tf.div(centred, tf.sqrt(tf.maximum(tf.mean(tf.square(centred), 1, true), 1e-12)));
};

/** The same of standardised logits (Sun et al. 2024, equation 7). */
export const standardizedDistillation: DistillationObjective = {
  loss: ({ student, teacher, temperature }) =>
    softmaxDivergence({
      tf,
      student: standardized(sharedOutputs(tf, student.outputs, teacher.outputs)),
      teacher: standardized(teacher.outputs),
      temperature,
    }),
};

/** mean_k (s_k − t_k)² (Ba and Caruana 2014; Kim et al. 2021, section 3.2). */
export const logitRegression: DistillationObjective = {
  loss: ({ student, teacher }) =>
    tf.mean(tf.square(tf.sub(sharedOutputs(tf, student.outputs, teacher.outputs), teacher.outputs)), 1),
};

/**
 * Teacher-bounded regression (Chen et al. 2017, equation 5): the squared error, mean over outputs, of rows on which it is
 * not below the teacher's by the margin; 0 for the others, and for rows without a label.
 */
export const boundedRegression = (margin: number): DistillationObjective => ({
  loss({ student, teacher, labels }) {
    const [rows, labelled] = [student.outputs.shape[0], labels.shape[0]];
    // Of gaussian the means, which come first.
    const errorOf = (outputs: tf.Tensor2D): tf.Tensor1D =>
      tf.mean(tf.square(tf.sub(tf.slice(outputs, [0, 0], labels.shape), labels)), 1);
    const own = errorOf(student.outputs);
    // step rather than greater, which has no gradient at all.
    const isWorse = tf.step(tf.sub(tf.add(own, margin), errorOf(teacher.outputs)));
    const bounded = tf.mul<tf.Tensor1D>(isWorse, own);
    return labelled === rows ? bounded : tf.concat([bounded, tf.zeros<tf.Rank.R1>([rows - labelled])]);
  },
});

/** Far enough below any logit for its exponential to vanish, and small enough for fp32 to keep differences. */
const masked = -1e4;

/** One-hot [rows, classes] of each row's target: its label, or the teacher's first choice where it has none that the teacher knows. */
function targetsOf(labels: tf.Tensor2D, teacher: tf.Tensor2D): tf.Tensor2D {
  const [rows, classes] = teacher.shape;
  const chosen = oneHot(tf, tf.argMax(teacher, 1), classes);
  const labelled = labels.shape[0];
  // A class that the teacher does not know has a row of zeros.
  const own = oneHot(tf, tf.cast(tf.reshape(labels, [labelled]), 'int32'), classes);
  const unknown = tf.sub(1, tf.sum(own, 1, true));
  const known = tf.add<tf.Tensor2D>(own, tf.mul(unknown, tf.slice(chosen, 0, labelled)));
  return labelled === rows ? known : tf.concat([known, tf.slice(chosen, labelled)]);
}

/** log(p_target), log(1 − p_target) and the log-probabilities among the other classes. */
function decoupled(
  logits: tf.Tensor2D,
  targets: tf.Tensor2D,
): { target: tf.Tensor1D; others: tf.Tensor1D; among: tf.Tensor2D } {
  const whole = tf.logSumExp(logits, 1);
  const withoutTarget = tf.add<tf.Tensor2D>(logits, tf.mul(masked, targets));
  return {
    target: tf.sub(tf.sum(tf.mul(logits, targets), 1), whole),
    others: tf.sub(tf.logSumExp(withoutTarget, 1), whole),
    among: tf.logSoftmax(withoutTarget),
  };
}

/** Σ p·(log p − log q) of two-way distributions, by their logarithms. */
const klOf = (p: tf.Tensor, q: tf.Tensor): tf.Tensor => tf.mul(tf.exp(p), tf.sub(p, q));

/**
 * Decoupled KD (Zhao et al. 2022, equation 7): a·TCKD + b·NCKD, each times T². TCKD is the divergence of the two-way
 * distributions (target, rest), NCKD that of the distributions among the classes that are not the target.
 */
export const decoupledDistillation = (a: number, b: number): DistillationObjective => ({
  loss({ student, teacher, labels, temperature }) {
    const targets = targetsOf(labels, teacher.outputs);
    const t = decoupled(tf.div(teacher.outputs, temperature), targets);
    const s = decoupled(tf.div(sharedOutputs(tf, student.outputs, teacher.outputs), temperature), targets);
    const target = tf.add(klOf(t.target, s.target), klOf(t.others, s.others));
    const rest = tf.sum(klOf(t.among, s.among), 1);
    return tf.mul<tf.Tensor1D>(tf.square(temperature), tf.add(tf.mul(a, target), tf.mul(b, rest)));
  },
});
