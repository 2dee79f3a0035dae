// Cuts a part out of an image and stretches it to the whole.
import { z } from 'zod';
import { defineAugmentation } from './define-augmentation.js';

export const crop = defineAugmentation({
  name: 'crop',
  schema: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Largest share of each side that is cut off; the rest is stretched to the full size.'),
  place({ value, height, width, next }) {
    const size = 1 - value * next();
    const [placeX, placeY] = [next() - 0.5, next() - 0.5];
    return { size, offsetX: placeX * (1 - size) * width, offsetY: placeY * (1 - size) * height };
  },
});
