// The pixels of a canvas as the bytes that training read from image files.
import { badRow } from './error.js';
import type { ImagePixels } from './types.js';

/** IEC 61966-2-1 (sRGB), from and to 0…255. */
const toLinear = (byte: number): number => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};
const fromLinear = (value: number): number =>
  255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);

/** Grey of the same luminance (ITU-R BT.709). */
function greyOf(red: number, green: number, blue: number): number {
  if (red === green && green === blue) return red;
  return Math.round(fromLinear(0.2126 * toLinear(red) + 0.7152 * toLinear(green) + 0.0722 * toLinear(blue)));
}

/**
 * Bytes [height, width, channels] of pixels on black.
 * @param inputShape of the model
 * @param row counted from 1, for errors
 * @throws StudentError PREDICT_ROW unless the image has the model's size
 */
export function pixelBytes(
  { width, height, data }: ImagePixels,
  inputShape: readonly number[],
  row: number,
): Uint8ClampedArray {
  const [rows, columns, channels = 1, more] = inputShape;
  if (height !== rows || width !== columns || more !== undefined || (channels !== 1 && channels !== 3))
    throw badRow(row, `is an image of ${height}×${width} pixels; the model takes ${inputShape.join('×')} numbers`);
  const out = new Uint8ClampedArray(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = 4 * pixel;
    const [red, green, blue] = [0, 1, 2].map((k) => Math.floor((data[at + k] * data[at + 3]) / 255));
    if (channels === 1) out[pixel] = greyOf(red, green, blue);
    else out.set([red, green, blue], 3 * pixel);
  }
  return out;
}
