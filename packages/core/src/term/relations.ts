// How the rows of a batch relate to each other in a layer. Relations have no dimension, so layers may have any widths.
import type { Tensor, TensorOps } from '../loss/tensor-ops.js';

/** Negligibly small; keeps gradients of roots finite. */
export const tiny = 1e-12;

export const squaredLengths = (tf: TensorOps, values: Tensor): Tensor => tf.sum(tf.square(values), -1, true);

/** Length along the last axis, kept as an axis of size 1. */
export const lengths = (tf: TensorOps, values: Tensor, least = tiny): Tensor =>
  tf.sqrt(tf.maximum(squaredLengths(tf, values), least));
