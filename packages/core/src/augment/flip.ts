// Mirrors an image with probability 1/2 in each direction that is requested.
import { z } from 'zod';
import { defineAugmentation } from './define-augmentation.js';

export const flip = defineAugmentation({
  name: 'flip',
  schema: z.enum(['none', 'horizontal', 'vertical', 'both']).default('none'),
  place({ value, next }) {
    const [mirrorX, mirrorY] = [next() < 0.5, next() < 0.5];
    return {
      mirrorX: mirrorX && (value === 'horizontal' || value === 'both') ? -1 : 1,
      mirrorY: mirrorY && (value === 'vertical' || value === 'both') ? -1 : 1,
    };
  },
});
