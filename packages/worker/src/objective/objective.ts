// What a phase minimises. An objective first prepares a micro-batch (a teacher's outputs), then gives the loss as a
// function of only the model's weights. Distillation is one more objective of the same loop.
import type * as tf from '@tensorflow/tfjs';
import type { Weight } from '../flat/model.js';

/** Consecutive rows of a batch. */
export interface BatchPart {
  readonly rows: number;
  /** The teacher's outputs for them, then its features, if they are known already. */
  readonly answers?: readonly tf.Tensor[] | undefined;
}

export interface MicroBatch {
  /** [rows, …inputShape]. */
  readonly x: tf.Tensor;
  /** [labelled rows, labelCount]: labels of the first rows. Only rows that transfer sets add have none. */
  readonly y: tf.Tensor2D;
  /** Each labelled row's second label, and the weight of the first, if rows are blended. */
  readonly blend?: { readonly y: tf.Tensor2D; readonly weights: tf.Tensor1D } | undefined;
  /** Counted from 0. */
  readonly epoch: number;
  /** The parts of a student's batch, in order; by default one part. */
  readonly parts?: readonly BatchPart[];
}

export interface PreparedBatch {
  /** The tensors that `loss` reads in addition to the model's weights. */
  readonly inputs: readonly tf.Tensor[];
  /** Mean loss of the micro-batch, a scalar. */
  readonly loss: () => tf.Scalar;
}

export interface Objective {
  /** Weights that are trained in addition to the model's own, and dropped after training. */
  readonly weights: readonly Weight[];
  /** A teacher's outputs for rows, then the features that terms compare. */
  readonly respond?: (x: tf.Tensor) => Promise<tf.Tensor[]>;
  /** Computes what needs no gradient; the batch's tensors are among the inputs of the result. */
  prepare(batch: MicroBatch): Promise<PreparedBatch>;
}

export const labelsOf = ({ y, blend }: Pick<MicroBatch, 'y' | 'blend'>): tf.Tensor[] =>
  blend ? [y, blend.y, blend.weights] : [y];
