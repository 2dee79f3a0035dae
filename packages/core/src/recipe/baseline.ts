// The baseline section of a recipe: for how many epochs the student without a teacher trains, and what it has of its
// own.
import { z } from 'zod';
import { count } from './fields.js';

export const baselineSchema = z
  .strictObject({
    epochs: z
      .union([z.enum(['crossValidation', 'student']), count(1e6)])
      .default('crossValidation')
      .describe(
        'crossValidation: the number of epochs, up to the student’s, that is best by cross-validation on the small ' +
          'set; if the recipe tunes the student, the baseline is tuned with the same budget. student: as many as the ' +
          'student. A run chooses crossValidation if this is not given.',
      ),
    values: z
      .record(z.string(), z.number())
      .optional()
      .describe('Numbers in which it differs from the student, by path, such as student.optimizer.learningRate.'),
  })
  .describe('The student without a teacher, which distillation is compared with.');
