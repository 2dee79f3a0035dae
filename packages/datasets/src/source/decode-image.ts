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
  const { depth } = await image.metadata();
  // libvips would cut other numbers to those of a byte.
  if (depth !== 'uchar' && depth !== 'ushort')
    throw new Error(`its pixels are of type ${depth}, whose range is not known; convert it to 8 or 16 bits, or to NPY`);
  return image;
}

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
    throw new StillhouseError('DATA_FORMAT', `${what} is not an image that can be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
