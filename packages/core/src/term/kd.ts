// Knowledge distillation: the divergence of the distributions that student and teacher give.
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
 * T²·KL of the two distributions at temperature T, or what the loss has in its place. Of logits that are standardised
 * first, only the pattern counts: each row has a temperature of its own (Sun et al. 2024, equation 7).
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
          'Logits are brought to mean 0 and deviation 1 row by row first: a temperature for each row ' +
            '(softmaxCrossEntropy only).',
        ),
    })
    .describe('The divergence of the two distributions at temperature T, times T².'),
  refusal: ({ standardize }, { loss }) =>
    standardize && loss.labels !== 'class'
      ? `.standardize is for classes that exclude each other, and the loss is ${loss.name}`
      : undefined,
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
