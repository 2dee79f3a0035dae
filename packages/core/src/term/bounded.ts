// Teacher-bounded regression: the error on rows on which the student is no better than its teacher.
import { z } from 'zod';
import type { Tensor, Tensor2D } from '../loss/tensor-ops.js';
import { defineTerm, termCommon } from './define-term.js';

/**
 * Chen et al. 2017, equation 5: the squared error, mean over outputs, on rows where it is not below the teacher's by
 * the margin; 0 for other rows and for rows without a label.
 */
export const bounded = defineTerm({
  name: 'bounded',
  usesTemperature: () => false,
  schema: z
    .strictObject({
      name: z.literal('bounded'),
      ...termCommon,
      margin: z
        .number()
        .min(0)
        .default(0)
        .describe('By how much the student’s squared error must be below the teacher’s.'),
    })
    .describe(
      'Teacher-bounded regression: the squared error on rows where the student is not better than its ' +
        'teacher (regression only).',
    ),
  refusal: (_, { loss }) =>
    loss.labels === 'numbers' ? undefined : ` is bounded, which is for regression, but the loss is ${loss.name}`,
  loss({ tf, options: { margin }, student, teacher, labels }) {
    const [rows, labelled] = [student.outputs.shape[0], labels.shape[0]];
    // The outputs that predict the targets come first.
    const errorOf = (outputs: Tensor2D): Tensor =>
      tf.mean(tf.square(tf.sub(tf.slice(outputs, [0, 0], labels.shape), labels)), 1);
    const own = errorOf(student.outputs);
    // step rather than greater, which has no gradient at all.
    const isWorse = tf.step(tf.sub(tf.add(own, margin), errorOf(teacher.outputs)));
    const bound = tf.mul(isWorse, own);
    return labelled === rows ? bound : tf.concat([bound, tf.zeros([rows - labelled])]);
  },
});
