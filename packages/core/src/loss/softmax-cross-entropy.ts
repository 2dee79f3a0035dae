// Cross-entropy of classes that exclude each other; outputs are their logits.
import { defineLoss, type SoftLoss } from './define-loss.js';
import type { Tensor, Tensor2D, TensorOps } from './tensor-ops.js';

/** log Σ exp(z), shifted by the maximum; in doubles. */
export function logSumExp(logits: Float32Array): number {
  let max = -Infinity;
  for (const z of logits) max = Math.max(max, z);
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - max);
  return max + Math.log(sum);
}

/** [rows, classes] of class indices [rows]. Cast, because wasm's oneHot writes integers into floats. */
export const oneHot = (tf: TensorOps, indices: Tensor, classes: number): Tensor =>
  tf.cast(tf.oneHot(indices, classes), 'float32');

/** The outputs that the teacher has, too: a student may know further classes, after the teacher's. */
export const sharedOutputs = (tf: TensorOps, student: Tensor2D, teacher: Tensor2D): Tensor2D =>
  student.shape[1] > teacher.shape[1]
    ? (tf.slice(student, [0, 0], [student.shape[0], teacher.shape[1]]) as Tensor2D)
    : student;

/**
 * T²·KL(softmax(t/T) ‖ softmax(s/T)) of the classes that both know (Hinton et al. 2015, section 2; Li and Hoiem 2016,
 * section 3, for those).
 * @returns [rows]
 */
export function softmaxDivergence({ tf, student, teacher, temperature }: SoftLoss): Tensor {
  const logTeacher = tf.logSoftmax(tf.div(teacher, temperature));
  const logStudent = tf.logSoftmax(tf.div(sharedOutputs(tf, student, teacher), temperature));
  return tf.mul(tf.square(temperature), tf.sum(tf.mul(tf.exp(logTeacher), tf.sub(logTeacher, logStudent)), 1));
}

export const softmaxCrossEntropy = defineLoss({
  name: 'softmaxCrossEntropy',
  labels: 'class',
  row: ({ outputs, labels }) => logSumExp(outputs) - outputs[labels[0]!]!,
  hard({ tf, outputs, labels, temperature }) {
    const classes = oneHot(tf, tf.cast(tf.reshape(labels, [labels.shape[0]]), 'int32'), outputs.shape[1]);
    return tf.neg(tf.sum(tf.mul(classes, tf.logSoftmax(tf.div(outputs, temperature))), 1));
  },
  soft: softmaxDivergence,
});
