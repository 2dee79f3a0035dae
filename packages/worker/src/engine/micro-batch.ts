// Turns rows that were read and augmented into tensors.
import { tf } from '@stillhouse/native/tfjs';
import type { DatasetManifest } from '@stillhouse/core';
import type { AugmentedBatch } from '../augment/augment.js';
import { joinFloats } from '../flat/memory.js';
import type { MicroBatch } from '../objective/objective.js';

/**
 * A micro-batch as tensors.
 * @param added inputs of further rows, without labels
 */
export function tensorsOf(
  { rows, x, y, blend }: AugmentedBatch,
  { inputShape, labelCount }: DatasetManifest,
  added: readonly Float32Array[] = [],
): Pick<MicroBatch, 'x' | 'y' | 'blend'> {
  const labels = (values: Float32Array): tf.Tensor2D => tf.tensor2d(values, [rows, labelCount]);
  const inputs = joinFloats([x, ...added]);
  return {
    x: tf.tensor(inputs, [(rows * inputs.length) / x.length, ...inputShape]),
    y: labels(y),
    ...(blend ? { blend: { y: labels(blend.y), weights: tf.tensor1d(blend.weights) } } : {}),
  };
}
