// Knowledge distillation: the divergence between the distributions of student and teacher.
import { z } from 'zod';
import { sharedOutputs, softmaxDivergence } from '../loss/softmax-cross-entropy.js';
import type { Tensor2D, TensorOps } from '../loss/tensor-ops.js';
import { defineTerm, termCommon } from './define-term.js';

/** Logits at mean 0 and deviation 1, row by row. */
function standardized(tf: TensorOps, logits: Tensor2D): Tensor2D {
  const centred = tf.sub(logits, tf.mean(logits, 1, true));
  return tf.div(centred, tf.sqrt(tf.maximum(tf.mean(tf.square(centred), 1, true), 1e-12))) as Tensor2D;
}

/**
 * T²·KL of the two distributions at temperature T, or the loss's counterpart. If logits are standardised first, only
 * their pattern counts: each row has its own temperature (Sun et al. 2024, equation 7).
 */
export const kd = defineTerm({
  name: 'kd',
  schema: z
    .strictObject({
      name: z.literal('kd'),
      ...termCommon,
      standardize: z
        .boolean()
        .default(false)
        .describe(
          'First standardises logits to mean 0 and deviation 1, row by row, so that each row has its own ' +
            'temperature (softmaxCrossEntropy only).',
        ),
    })
    .describe('The divergence of the two distributions at temperature T, times T².'),
  refusal: ({ standardize }, { loss }) =>
    standardize && loss.labels !== 'class'
      ? `.standardize is for classes that exclude each other, but the loss is ${loss.name}`
      : undefined,
  usesTemperature: ({ standardize }, { hasTemperature }) => standardize || hasTemperature,
  loss({ tf, loss, options, student, teacher, temperature }) {
    if (!options.standardize) return loss.soft({ tf, student: student.outputs, teacher: teacher.outputs, temperature });
    return softmaxDivergence({
      tf,
      student: standardized(tf, sharedOutputs(tf, student.outputs, teacher.outputs)),
      teacher: standardized(tf, teacher.outputs),
      temperature,
    });
  },
});
