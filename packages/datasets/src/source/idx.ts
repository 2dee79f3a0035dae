// IDX files (LeCun's MNIST format): two zero bytes, type, rank, big-endian sizes, data. Gzipped or not.
import { gunzipSync } from 'node:zlib';
import { StillhouseError, type SourceConfigOf } from '@stillhouse/core';
import { readBytes } from '../file/places.js';
import { resizeImages } from '../tensor/resize.js';
import { chunksOf, type TensorSet } from '../tensor/tensor-set.js';
import { defineSource } from './source.js';

interface IdxTensor {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const unsignedByte = 0x08;

/**
 * Reads unsigned bytes, the type of all well-known sets.
 * @param file names the bytes in errors
 * @throws StillhouseError DATA_FORMAT, DATA_TRUNCATED
 */
function parseIdx(bytes: Uint8Array, file: string): IdxTensor {
  let raw = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      raw = gunzipSync(bytes);
    } catch (cause) {
      throw new StillhouseError('DATA_TRUNCATED', `${file} is not a complete gzip file`, { cause });
    }
  }
  if (raw.byteLength < 4)
    throw new StillhouseError('DATA_TRUNCATED', `${file} has ${raw.byteLength} bytes, less than an IDX header`);
  if (raw[0] !== 0 || raw[1] !== 0 || raw[2] !== unsignedByte || raw[3] < 1 || raw[3] > 8) {
    throw new StillhouseError('DATA_FORMAT', `${file} is not an IDX file of unsigned bytes`);
  }
  const rank = raw[3];
  const headerBytes = 4 + 4 * rank;
  if (raw.byteLength < headerBytes) throw new StillhouseError('DATA_TRUNCATED', `${file} ends inside its header`);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = shape.reduce((product, size) => product * size, 1);
  if (raw.byteLength - headerBytes < expected) {
    throw new StillhouseError(
      'DATA_TRUNCATED',
      `${file} has ${raw.byteLength - headerBytes} of the ${expected} bytes that its header announces`,
    );
  }
  return { shape, data: raw.subarray(headerBytes, headerBytes + expected) };
}

export const idx = defineSource<SourceConfigOf<'idx'>>({
  files: ({ idx: { images, labels } }, { find }) => (labels === undefined ? [images] : [images, labels]).map(find),
  isRepeatable: () => true,
  byName: (path, { name }) =>
    /-idx\d-ubyte$/.test(name)
      ? { idx: { images: path, labels: path.replace('images-idx3', 'labels-idx1') } }
      : undefined,
  open: (config, { find }) => ({ type: 'tensors', tensors: idxSet(config.idx, find) }),
});

/** Without a file of labels, all labels are 0. */
function idxSet(
  { images: imagesPath, labels: labelsPath, size, pad }: SourceConfigOf<'idx'>['idx'],
  find: (path: string) => string,
): TensorSet {
  const images = parseIdx(readBytes(find(imagesPath)), imagesPath);
  const labels =
    labelsPath === undefined
      ? { shape: images.shape.slice(0, 1), data: new Uint8Array(images.shape[0]) }
      : parseIdx(readBytes(find(labelsPath)), labelsPath);
  if (labels.shape.length !== 1)
    throw new StillhouseError('DATA_FORMAT', `${labelsPath} has ${labels.shape.length} dimensions; labels have one`);
  const rowCount = labels.shape[0];
  if (rowCount !== images.shape[0])
    throw new StillhouseError(
      'DATA_FORMAT',
      `${imagesPath} has ${images.shape[0]} images but ${labelsPath} has ${rowCount} labels`,
    );
  const inner = images.shape.slice(1);
  // Grey images get the channel dimension that convolutions expect.
  const inputShape = inner.length === 2 ? [...inner, 1] : inner.length === 0 ? [1] : inner;
  const set = { what: imagesPath, rowCount, dtype: 'U8', isBytes: true, classes: undefined, labelCount: 1 } as const;
  if (size === undefined && pad === 0)
    return { ...set, inputShape, chunks: () => chunksOf(images.data, labels.data, rowCount) };
  if (inputShape.length !== 3)
    throw new StillhouseError(
      'DATA_FORMAT',
      `${imagesPath} has rows of shape [${inner.join(', ')}], which are not images and cannot be resized or padded`,
    );
  const frame = { size: size ?? ([inputShape[0], inputShape[1]] as const), pad };
  const shape = [frame.size[0] + 2 * pad, frame.size[1] + 2 * pad, inputShape[2]];
  const resized = resizeImages(images.data, inputShape, frame);
  return { ...set, inputShape: shape, chunks: () => chunksOf(resized, labels.data, rowCount) };
}
