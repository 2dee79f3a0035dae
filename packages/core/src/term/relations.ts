// How the rows of a batch relate to each other in a layer. Relations have no dimension, so layers may have any widths.
import type * as tf from '@tensorflow/tfjs';
import type { Tf } from '../loss/define-loss.js';

/** Counts as nothing; keeps gradients of roots finite. */
export const tiny = 1e-12;

export const squaredLengths = (tf: Tf, values: tf.Tensor): tf.Tensor => tf.sum(tf.square(values), -1, true);

/** Length along the last axis, kept as an axis of size 1. */
export const lengths = (tf: Tf, values: tf.Tensor, least = tiny): tf.Tensor =>
  tf.sqrt(tf.maximum(squaredLengths(tf, values), least));
