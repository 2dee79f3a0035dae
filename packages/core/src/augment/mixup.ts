// Blends a row with another one, and their losses (Zhang et al. 2018).
import { z } from 'zod';
import { symmetricBeta } from '../random/random.js';
import { defineAugmentation } from './define-augmentation.js';

export const mixup = defineAugmentation({
  name: 'mixup',
  schema: z
    .number()
    .positive()
    .optional()
    .describe(
      'Blends each row with another row of its micro-batch, and their losses. The weight is drawn from ' +
        'Beta(a, a), where a is this number.',
    ),
  weight: ({ value, next }) => symmetricBeta(value!, next),
});
