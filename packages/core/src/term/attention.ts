// Attention transfer: compares where feature maps are active, not how.
import { z } from 'zod';
import type { Tensor, TensorOps } from '../loss/tensor-ops.js';
import { defineTerm, layerPair, termCommon } from './define-term.js';
import { alike, areComparable, featuresOf } from './features.js';

/** a(F) = vec(mean over channels of F²) at length 1: [rows, height·width]. */
function attentionOf(tf: TensorOps, map: Tensor): Tensor {
  const energy = tf.reshape(tf.mean(tf.square(map), 3), [map.shape[0]!, -1]);
  return tf.div(energy, tf.sqrt(tf.maximum(tf.sum(tf.square(energy), 1, true), 1e-24)));
}

/**
 * Zagoruyko and Komodakis 2017, as in the authors' code: the mean over positions of (a(F_s) − a(F_t))². Their
 * equation 2 has the Euclidean norm of the difference instead.
 */
export const attention = defineTerm({
  name: 'attention',
  usesTemperature: () => false,
  comparesLayers: true,
  needs: { text: 'maps of [height, width, channels], of which one size divides the other', fits: areComparable },
  schema: z
    .strictObject({ name: z.literal('attention'), ...termCommon, ...layerPair })
    .describe('The squared difference of attention maps of convolutional layers.'),
  loss(batch) {
    const { tf } = batch;
    const { student, teacher } = alike(tf, featuresOf(batch));
    return tf.mean(tf.square(tf.sub(attentionOf(tf, student), attentionOf(tf, teacher))), 1);
  },
});
