// What a phase without a teacher minimises: the mean loss of its rows against their labels.
import * as tf from '@tensorflow/tfjs';
import type { LossName } from '@stillhouse/core';
import { hardLoss } from '../loss/losses.js';
import { labelsOf, type MicroBatch, type Objective } from './objective.js';

/** Loss of each row against its label, or against both of its labels. */
export function rowLoss(
  loss: LossName,
  outputs: tf.Tensor2D,
  { y, blend }: Pick<MicroBatch, 'y' | 'blend'>,
  temperature?: number,
): tf.Tensor1D {
  const first = hardLoss(loss, outputs, y, temperature);
  if (!blend) return first;
  const second = hardLoss(loss, outputs, blend.y, temperature);
  return tf.add(second, tf.mul(blend.weights, tf.sub(first, second)));
}

/** Mean loss against the labels. */
export function supervised(loss: LossName, model: tf.LayersModel, temperature = 1): Objective {
  return {
    weights: [],
    prepare: ({ x, ...labels }) =>
      Promise.resolve({
        inputs: [x, ...labelsOf(labels)],
        loss: () => tf.mean(rowLoss(loss, model.apply(x, { training: true }) as tf.Tensor2D, labels, temperature)),
      }),
  };
}
