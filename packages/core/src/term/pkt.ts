// Probabilistic knowledge transfer: the probability that a row is another's neighbour.
import { z } from 'zod';
import type { Tensor, TensorOps } from '../loss/tensor-ops.js';
import { defineTerm, layerPair, termCommon } from './define-term.js';
import { featuresOf, flatten } from './features.js';
import { lengths } from './relations.js';

/** (cos(f_i, f_j) + 1)/2, each row divided by its sum: [rows, rows]. */
function affinities(tf: TensorOps, feature: Tensor): Tensor {
  const features = flatten(tf, feature);
  const directions = tf.div(features, lengths(tf, features));
  const cosines = tf.div(tf.add(tf.matMul(directions, directions, false, true), 1), 2);
  return tf.div(cosines, tf.sum(cosines, 1, true));
}

const logSafe = 1e-7;

/** Passalis and Tefas 2018, equations 3 to 6: the mean over pairs of K_t·log(K_t/K_s), K the cosine affinities. */
export const pkt = defineTerm({
  name: 'pkt',
  usesTemperature: () => false,
  comparesLayers: true,
  schema: z
    .strictObject({ name: z.literal('pkt'), ...termCommon, ...layerPair })
    .describe('Relations of rows: probabilities from cosine similarities.'),
  loss(batch) {
    const { tf } = batch;
    const { student, teacher } = featuresOf(batch);
    const [s, t] = [affinities(tf, student), affinities(tf, teacher)];
    return tf.mean(tf.mul(t, tf.log(tf.div(tf.add(t, logSafe), tf.add(s, logSafe)))));
  },
});
