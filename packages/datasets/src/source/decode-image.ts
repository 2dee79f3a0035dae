// Decodes an image to bytes of a given size: BMP with bmp-ts, everything else with sharp.
import { readFile } from 'node:fs/promises';
import type { Sharp, SharpInput, SharpOptions } from 'sharp';
import { firstLineOf, messageOf, StillhouseError } from '@stillhouse/core';
import { decodeBmp, isBmp } from './decode-bmp.js';

export interface ImageShape {
  /** Height and width. */
  readonly size: readonly [number, number];
  readonly channels: 1 | 3;
  readonly fit: 'cover' | 'contain' | 'fill';
}

type Open = (input: SharpInput, options: SharpOptions) => Sharp;

const limitInputPixels = 2 ** 28;

const readableFormats = 'PNG, JPEG, WebP, AVIF, TIFF, GIF, SVG and BMP';

async function loadSharp(): Promise<Open> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new StillhouseError('DATA_READER', `sharp, which reads images, cannot be loaded: ${firstLineOf(cause)}`, {
      cause,
    });
  }
}

/** @throws Error saying why its pixels cannot be read as bytes */
async function pixelsOf(bytes: Uint8Array, open: Open): Promise<Sharp> {
  if (isBmp(bytes)) {
    const { data, info } = decodeBmp(Buffer.from(bytes), limitInputPixels);
    return open(data, { raw: info, limitInputPixels });
  }
  const image = open(bytes, { limitInputPixels });
  const { compression, depth } = await image.metadata();
  if (compression === 'hevc') throw new Error('it is in HEIC, which is not supported; convert it to JPEG or PNG');
  // libvips would cut other numbers to those of a byte.
  if (depth !== 'uchar' && depth !== 'ushort')
    throw new Error(`its pixels are of type ${depth}, whose range is not known; convert it to 8 or 16 bits, or to NPY`);
  return image;
}

/** What libvips says about files that it cannot decode; it may say the same thing on several lines. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/unsupported image format/, `it is in none of the formats that are supported: ${readableFormats}`],
  [/Input buffer is empty/i, 'the file is empty'],
  [/failOn setting|read error|premature|unexpected end|corrupt|bad seek/i, 'it is cut off or corrupt'],
];

const reasonOf = (cause: unknown): string =>
  reasons.find(([pattern]) => pattern.test(messageOf(cause)))?.[1] ?? firstLineOf(cause);

/**
 * Decodes an image to [height, width, channels] bytes. Of several frames or pages, the first is read.
 * @param source path, or bytes of a file
 * @param what names the image in errors
 * @throws StillhouseError DATA_FORMAT, DATA_READER
 */
export async function decodeImage(
  source: string | Uint8Array,
  { size: [height, width], channels, fit }: ImageShape,
  what: string,
): Promise<Uint8Array> {
  const open = await loadSharp();
  try {
    const pixels = await pixelsOf(typeof source === 'string' ? await readFile(source) : source, open);
    const image = pixels.rotate().resize(width, height, { fit, background: '#000' }).flatten({ background: '#000' });
    const { data, info } = await (channels === 1 ? image.toColourspace('b-w') : image.toColourspace('srgb'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels === channels) return data;
    if (info.channels !== 1) throw new Error(`${info.channels} channels`);
    return Uint8Array.from({ length: height * width * channels }, (_, i) => data[Math.floor(i / channels)]);
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${what} is not an image that can be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
