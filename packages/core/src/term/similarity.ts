// Similarity-preserving knowledge distillation: the inner products of rows.
import { z } from 'zod';
import type { Tensor, TensorOps } from '../loss/tensor-ops.js';
import { defineTerm, layerPair, termCommon } from './define-term.js';
import { featuresOf, flatten } from './features.js';
import { lengths } from './relations.js';

/** G = F·Fᵀ with rows of length 1: [rows, rows]. */
function similarities(tf: TensorOps, feature: Tensor): Tensor {
  const features = flatten(tf, feature);
  const products = tf.matMul(features, features, false, true);
  return tf.div(products, lengths(tf, products));
}

/** Tung and Mori 2019, equations 1 to 4: ‖G_t − G_s‖²_F / rows². */
export const similarity = defineTerm({
  name: 'similarity',
  usesTemperature: () => false,
  comparesLayers: true,
  schema: z
    .strictObject({ name: z.literal('similarity'), ...termCommon, ...layerPair })
    .describe('Relations of rows: their matrix of inner products.'),
  loss(batch) {
    const { tf } = batch;
    const { student, teacher } = featuresOf(batch);
    return tf.mean(tf.square(tf.sub(similarities(tf, teacher), similarities(tf, student))));
  },
});
