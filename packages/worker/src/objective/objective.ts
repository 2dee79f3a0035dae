// What a phase minimises. An objective first prepares a micro-batch (a teacher's outputs), then gives the loss as a
// function of the model's weights alone. Distillation is one more objective of the same loop.
import type * as tf from '@tensorflow/tfjs';
import type { Weight } from '../flat/model.js';

/** Rows that lie one behind the other in a batch. */
export interface BatchPart {
  readonly rows: number;
  /** What the teacher says about them, where it is known already: outputs, then features. */
  readonly answers?: readonly tf.Tensor[] | undefined;
}

export interface MicroBatch {
  /** [rows, …inputShape]. */
  readonly x: tf.Tensor;
  /** [labelled rows, labelCount]: labels of the first rows. Only a student's further rows have none. */
  readonly y: tf.Tensor2D;
  /** Each labelled row's second label, and the weight of the first, where rows are blended. */
  readonly blend?: { readonly y: tf.Tensor2D; readonly weights: tf.Tensor1D } | undefined;
  /** Counted from 0. */
  readonly epoch: number;
  /** The batch from its first row to its last, of a student; by default one part. */
  readonly parts?: readonly BatchPart[];
}

export interface PreparedBatch {
  /** The tensors that `loss` reads beside the model's weights. */
  readonly inputs: readonly tf.Tensor[];
  /** Mean loss of the micro-batch, a scalar. */
  readonly loss: () => tf.Scalar;
}

export interface Objective {
  /** Weights that are trained beside the model's own, and end with training. */
  readonly weights: readonly Weight[];
  /** What a teacher says about rows: outputs, then the features that terms compare. */
  readonly respond?: (x: tf.Tensor) => Promise<tf.Tensor[]>;
  /** Does what needs no gradient; the batch's tensors are among the inputs of what it gives. */
  prepare(batch: MicroBatch): Promise<PreparedBatch>;
}

export const labelsOf = ({ y, blend }: Pick<MicroBatch, 'y' | 'blend'>): tf.Tensor[] =>
  blend ? [y, blend.y, blend.weights] : [y];
