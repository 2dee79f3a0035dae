// Images, decoded and resized by sharp: a folder for each class, or a CSV file of paths and labels.
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import type { TensorSet } from '../tensor/tensor-set.js';

export interface ImageShape {
  /** Height and width. */
  readonly size: readonly [number, number];
  readonly channels: 1 | 3;
  readonly fit: 'cover' | 'contain' | 'fill';
}

/** Images decoded at once. */
const chunkImages = 64;

const endings = /\.(avif|gif|jpe?g|png|svg|tiff?|webp)$/i;

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
    throw new StillhouseError(
      'DATA_READER',
      `sharp, which reads images, cannot be loaded: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      { cause },
    );
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
    throw new StillhouseError(
      'DATA_FORMAT',
      `${what} is not an image that can be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** @param labels of each file: places among the classes, or numbers */
function filesSet(
  what: string,
  files: readonly string[],
  labels: Float32Array,
  { classes, shape }: { classes: readonly string[] | undefined; shape: ImageShape },
): TensorSet {
  const inputShape = [...shape.size, shape.channels];
  const size = shape.size[0] * shape.size[1] * shape.channels;
  return {
    what,
    rowCount: files.length,
    inputShape,
    dtype: 'U8',
    isBytes: true,
    classes,
    labelCount: 1,
    async *chunks() {
      for (let first = 0; first < files.length; first += chunkImages) {
        const part = files.slice(first, first + chunkImages);
        const inputs = new Uint8Array(part.length * size);
        (await Promise.all(part.map((file) => decodeImage(file, shape, file)))).forEach((bytes, i) =>
          inputs.set(bytes, i * size),
        );
        yield { rowCount: part.length, cells: [inputs, labels.subarray(first, first + part.length)] };
      }
    },
  };
}

/** Image files of a folder and the folders in it, sorted. */
export function imagesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.test(name))
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

/**
 * The classes are the names of the folders in a folder; without labels folders mean nothing.
 * @throws StillhouseError DATA_FORMAT
 */
export function imageFolder(folder: string, shape: ImageShape, withLabels: boolean): TensorSet {
  const files = imagesIn(folder);
  if (files.length === 0) throw new StillhouseError('DATA_EMPTY', `${folder} has no images`);
  if (!withLabels) return filesSet(folder, files, new Float32Array(files.length), { classes: undefined, shape });
  const classOf = (file: string): string => relative(folder, file).split(sep)[0];
  const loose = files.find((file) => dirname(file) === folder);
  if (loose !== undefined)
    throw new StillhouseError('DATA_FORMAT', `${loose} lies in no folder of a class`, {
      next: 'Put each image into a folder that is named after its class.',
    });
  const classes = [...new Set(files.map(classOf))].sort();
  return filesSet(
    folder,
    files,
    Float32Array.from(files, (file) => classes.indexOf(classOf(file))),
    { classes, shape },
  );
}

/**
 * @param rows paths, relative to the file that names them, and their labels
 * @throws StillhouseError DATA_CELL, DATA_LABEL, naming the row
 */
export function imageList(
  csv: string,
  rows: readonly { path: string | null; label: string | null }[],
  shape: ImageShape,
  hasClasses: boolean,
): TensorSet {
  rows.forEach(({ path, label }, i) => {
    if (path === null || label === null)
      throw new StillhouseError('DATA_CELL', `${csv}, row ${i + 1}: the ${path === null ? 'path' : 'label'} is empty`);
    if (!statSync(resolve(dirname(csv), path), { throwIfNoEntry: false })?.isFile())
      throw new StillhouseError('DATA_NOT_FOUND', `${csv}, row ${i + 1}: ${path} does not exist`);
    if (!hasClasses && !Number.isFinite(Number(label)))
      throw new StillhouseError('DATA_LABEL', `${csv}, row ${i + 1}: ${JSON.stringify(label)} is not a number`);
  });
  const classes = hasClasses ? [...new Set(rows.map(({ label }) => label!))].sort() : undefined;
  const files = rows.map(({ path }) => resolve(dirname(csv), path!));
  return filesSet(
    csv,
    files,
    Float32Array.from(rows, ({ label }) => (classes ? classes.indexOf(label!) : Number(label))),
    { classes, shape },
  );
}
