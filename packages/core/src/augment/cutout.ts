// Blackens a square whose centre is in the image (DeVries and Taylor 2017).
import { z } from 'zod';
import { defineAugmentation } from './define-augmentation.js';

export const cutout = defineAugmentation({
  name: 'cutout',
  isForImages: true,
  schema: z.int().min(0).max(4096).default(0).describe('Side of a square that is blackened.'),
  row({ row, shape, black, next }, size) {
    if (size === 0) return;
    const [height, width, channels] = shape as [number, number, number];
    const [midX, midY] = [Math.floor(next() * width), Math.floor(next() * height)];
    const low = (middle: number): number => Math.max(0, middle - (size >> 1));
    for (let y = low(midY); y < Math.min(height, low(midY) + size); y++) {
      for (let x = low(midX); x < Math.min(width, low(midX) + size); x++)
        for (let channel = 0; channel < channels; channel++)
          row[(y * width + x) * channels + channel] = black[channel % black.length]!;
    }
  },
});
