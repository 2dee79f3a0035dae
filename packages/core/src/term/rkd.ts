// Relational knowledge distillation: distances of rows, and angles of triples.
import { z } from 'zod';
import { limits } from '../error/limits.js';
import { huberOf } from '../loss/huber.js';
import type { Tensor, Tensor2D, TensorOps } from '../loss/tensor-ops.js';
import { defineTerm, layerPair, termCommon } from './define-term.js';
import { featuresOf, flatten } from './features.js';
import { lengths, squaredLengths, tiny } from './relations.js';

/** Rows whose squared distance is less than this share of the mean have no direction: it would only be rounding. */
const near = 1e-6;

/** f_i − f_j for every pair, [rows, rows, size]. */
function differences(tf: TensorOps, features: Tensor2D): Tensor {
  const [rows, size] = features.shape;
  return tf.sub(tf.reshape(features, [1, rows, size]), tf.reshape(features, [rows, 1, size]));
}

/** ‖f_i − f_j‖, 0 on the diagonal: [rows, rows]. */
function distances(tf: TensorOps, pairs: Tensor): Tensor {
  const rows = pairs.shape[0]!;
  return tf.mul(tf.reshape(lengths(tf, pairs), [rows, rows]), tf.sub(1, tf.eye(rows)));
}

/** Distances divided by their mean over pairs of different rows. */
function relativeDistances(tf: TensorOps, pairs: Tensor): Tensor {
  const rows = pairs.shape[0]!;
  const all = distances(tf, pairs);
  return tf.div(all, tf.maximum(tf.div(tf.sum(all), Math.max(1, rows * (rows - 1))), tiny));
}

/** cos of the angle at j between i and k, [rows, rows, rows]. */
function angles(tf: TensorOps, pairs: Tensor): Tensor {
  const scaled = tf.div(pairs, tf.sqrt(tf.add(tf.mean(squaredLengths(tf, pairs)), tiny)));
  const directions = tf.div(scaled, lengths(tf, scaled, near));
  return tf.matMul(directions, directions, false, true);
}

/**
 * Park et al. 2019, equations 4 to 8: Huber's loss between the distances of rows, by their mean over the batch, and
 * between the cosines of the angles of triples, each the mean over all pairs or triples. Triples cost O(rows³).
 */
export const rkd = defineTerm({
  name: 'rkd',
  usesTemperature: () => false,
  comparesLayers: true,
  schema: z
    .strictObject({
      name: z.literal('rkd'),
      ...termCommon,
      ...layerPair,
      distance: z.number().min(0).default(25),
      angle: z.number().min(0).default(50),
    })
    .describe('Relations of rows: their distances, and the angles of triples.'),
  refusal: ({ angle, distance }, { rows }) =>
    angle + distance === 0
      ? ' compares nothing: distance and angle are 0'
      : angle > 0 && rows > limits.angleRows
        ? ` compares the angles of all triples of a batch, but a batch has ${rows} rows, more than ` +
          `${limits.angleRows}: lower student.batch or set angle to 0`
        : undefined,
  loss(batch) {
    const { tf, options } = batch;
    const { student, teacher } = featuresOf(batch);
    const [s, t] = [differences(tf, flatten(tf, student)), differences(tf, flatten(tf, teacher))];
    const distance =
      options.distance > 0
        ? tf.mul(options.distance, tf.mean(huberOf(tf, tf.sub(relativeDistances(tf, s), relativeDistances(tf, t)))))
        : tf.scalar(0);
    if (options.angle === 0) return distance;
    return tf.add(distance, tf.mul(options.angle, tf.mean(huberOf(tf, tf.sub(angles(tf, s), angles(tf, t))))));
  },
});
