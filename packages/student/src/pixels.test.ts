// Pixels become the bytes that sharp reads from the same image for training.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { pixelBytes } from './pixels.js';

const [width, height] = [16, 9];
const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i * 7919 + (i >> 3) * 104729) % 256);

test.each([1, 3])('%d channels, on black', async (channels) => {
  const image = sharp(data, { raw: { width, height, channels: 4 } }).flatten({ background: '#000' });
  const expected = await image
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
  const seen = pixelBytes({ width, height, data }, [height, width, channels], 1);
  expect(seen).toHaveLength(expected.length);
  const apart = Array.from(seen, (value, i) => Math.abs(value - expected[i]));
  // sharp's grey comes from a table, and is off by up to two levels.
  expect(Math.max(...apart)).toBeLessThanOrEqual(channels === 1 ? 2 : 0);
});

test('an image of another size, and a model that takes no images', () => {
  expect(() => pixelBytes({ width, height, data }, [28, 28, 1], 2)).toThrow(
    'row 2 is an image of 9×16 pixels; the model takes 28×28×1 numbers',
  );
  expect(() => pixelBytes({ width, height, data }, [9, 16, 2], 1)).toThrow(
    'row 1 is an image of 9×16 pixels; the model takes 9×16×2 numbers',
  );
  expect(() => pixelBytes({ width, height, data }, [10], 1)).toThrow('the model takes 10 numbers');
});
