// What a phase without a teacher minimises: the mean loss of its rows against their labels.
import { tf } from '@stillhouse/native/tfjs';
import type { Loss } from '@stillhouse/core/training';
import { labelsOf, type MicroBatch, type Objective } from './objective.js';

/** Loss of each row against its label, or against both of its labels. */
export function rowLoss(
  loss: Loss,
  outputs: tf.Tensor2D,
  { y, blend }: Pick<MicroBatch, 'y' | 'blend'>,
  temperature = 1,
): tf.Tensor1D {
  const against = (labels: tf.Tensor2D): tf.Tensor1D => loss.hard({ tf, outputs, labels, temperature }) as tf.Tensor1D;
  const first = against(y);
  if (!blend) return first;
  const second = against(blend.y);
  return tf.add(second, tf.mul(blend.weights, tf.sub(first, second)));
}

/** Mean loss against the labels. */
export function supervised(loss: Loss, model: tf.LayersModel, temperature = 1): Objective {
  return {
    weights: [],
    prepare: ({ x, ...labels }) =>
      Promise.resolve({
        inputs: [x, ...labelsOf(labels)],
        loss: () => tf.mean(rowLoss(loss, model.apply(x, { training: true }) as tf.Tensor2D, labels, temperature)),
      }),
  };
}
