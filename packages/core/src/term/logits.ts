// Regression of the teacher's outputs.
import { z } from 'zod';
import { sharedOutputs } from '../loss/softmax-cross-entropy.js';
import { defineTerm, termCommon } from './define-term.js';

/** mean_k (s_k − t_k)² (Ba and Caruana 2014; Kim et al. 2021, section 3.2). */
export const logits = defineTerm({
  name: 'logits',
  usesTemperature: () => false,
  schema: z
    .strictObject({ name: z.literal('logits'), ...termCommon })
    .describe('The squared difference of the outputs, mean over outputs.'),
  loss: ({ tf, student, teacher }) =>
    tf.mean(tf.square(tf.sub(sharedOutputs(tf, student.outputs, teacher.outputs), teacher.outputs)), 1),
});
