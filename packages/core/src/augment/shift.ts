// Moves an image by whole pixels.
import { z } from 'zod';
import type { RandomStream } from '../random/random.js';
import { defineAugmentation } from './define-augmentation.js';

const signed = (next: RandomStream, most: number): number => Math.floor(next() * (2 * most + 1)) - most;

export const shift = defineAugmentation({
  name: 'shift',
  schema: z.int().min(0).max(1024).default(0).describe('Pixels, in each direction; the gap is black.'),
  place({ value, next }) {
    const [x, y] = [signed(next, value), signed(next, value)];
    return { offsetX: -x, offsetY: -y };
  },
});
