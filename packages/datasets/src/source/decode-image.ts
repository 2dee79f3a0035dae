// Decodes an image to bytes of a given size, with sharp.
import { firstLineOf, messageOf, StillhouseError } from '@stillhouse/core';

export interface ImageShape {
  /** Height and width. */
  readonly size: readonly [number, number];
  readonly channels: 1 | 3;
  readonly fit: 'cover' | 'contain' | 'fill';
}

/**
 * Decodes an image to [height, width, channels] bytes.
 * @param source path, or bytes of a file
 * @param what names the image in errors
 * @throws StillhouseError DATA_FORMAT, DATA_READER
 */
export async function decodeImage(
  source: string | Uint8Array,
  { size: [height, width], channels, fit }: ImageShape,
  what: string,
): Promise<Uint8Array> {
  let sharp: (typeof import('sharp'))['default'];
  try {
    sharp = (await import('sharp')).default;
  } catch (cause) {
    throw new StillhouseError('DATA_READER', `sharp, which reads images, cannot be loaded: ${firstLineOf(cause)}`, {
      cause,
    });
  }
  try {
    const image = sharp(source, { limitInputPixels: 2 ** 28 })
      .rotate()
      .resize(width, height, { fit, background: '#000' })
      .flatten({ background: '#000' });
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
