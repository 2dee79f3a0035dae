// Turns an image about its centre.
import { z } from 'zod';
import { defineAugmentation } from './define-augmentation.js';

export const rotate = defineAugmentation({
  name: 'rotate',
  schema: z.number().min(0).max(180).default(0).describe('Degrees, in each direction.'),
  place: ({ value, next }) => ({ angle: ((2 * value * next() - value) * Math.PI) / 180 }),
});
