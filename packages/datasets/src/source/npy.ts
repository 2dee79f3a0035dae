// NumPy arrays in .npy files (format 1 to 3). Rows are read when they are needed.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { StillhouseError, zerosOf, type Numbers, type SourceConfigOf, type TensorType } from '@stillhouse/core';
import { unreadable } from '../file/places.js';
import { chunkRows } from '../row/chunk.js';
import { sizeOf, type TensorSet } from '../tensor/tensor-set.js';
import { defineSource } from './source.js';

/** How an array's numbers are stored in its file, and how they are kept in memory. */
interface NpyType {
  readonly bytes: number;
  readonly dtype: TensorType;
  readonly at: (view: DataView, offset: number) => number;
}

const types: Readonly<Record<string, NpyType>> = {
  '|b1': { bytes: 1, dtype: 'U8', at: (view, offset) => view.getUint8(offset) },
  '|u1': { bytes: 1, dtype: 'U8', at: (view, offset) => view.getUint8(offset) },
  '|i1': { bytes: 1, dtype: 'I8', at: (view, offset) => view.getInt8(offset) },
  '<u2': { bytes: 2, dtype: 'U16', at: (view, offset) => view.getUint16(offset, true) },
  '<i2': { bytes: 2, dtype: 'I16', at: (view, offset) => view.getInt16(offset, true) },
  '<u4': { bytes: 4, dtype: 'U32', at: (view, offset) => view.getUint32(offset, true) },
  '<i4': { bytes: 4, dtype: 'I32', at: (view, offset) => view.getInt32(offset, true) },
  '<i8': { bytes: 8, dtype: 'F64', at: (view, offset) => Number(view.getBigInt64(offset, true)) },
  '<u8': { bytes: 8, dtype: 'F64', at: (view, offset) => Number(view.getBigUint64(offset, true)) },
  '<f4': { bytes: 4, dtype: 'F32', at: (view, offset) => view.getFloat32(offset, true) },
  '<f8': { bytes: 8, dtype: 'F32', at: (view, offset) => view.getFloat64(offset, true) },
};

export interface NpyFile {
  readonly path: string;
  readonly shape: readonly number[];
  readonly type: NpyType;
  /** Offset of the first number. */
  readonly start: number;
}

const headerBytes = 65_536;

/**
 * Reads an array's header, and checks that the file has what it announces.
 * @param what names the file in errors
 * @throws StillhouseError DATA_FORMAT, DATA_TRUNCATED, DATA_NOT_FOUND
 */
export function openNpy(path: string, what: string): NpyFile {
  const head = Buffer.alloc(headerBytes);
  let size: number;
  let read: number;
  try {
    size = statSync(path).size;
    const file = openSync(path, 'r');
    read = readSync(file, head, 0, headerBytes, 0);
    closeSync(file);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const bad = (why: string): StillhouseError =>
    new StillhouseError('DATA_FORMAT', `${what} is not an NPY file that can be read: ${why}`);
  if (read < 10 || head.toString('latin1', 0, 6) !== '\x93NUMPY') throw bad('it does not begin like one');
  const isLong = head[6] >= 2;
  const start = (isLong ? 12 : 10) + (isLong ? head.readUInt32LE(8) : head.readUInt16LE(8));
  if (start > read) throw new StillhouseError('DATA_TRUNCATED', `${what} ends inside its header`);
  const header = head.toString('latin1', isLong ? 12 : 10, start);
  const [, descr] = /'descr':\s*'([^']*)'/.exec(header) ?? [];
  const [, shapeText] = /'shape':\s*\(([\d,\s]*)\)/.exec(header) ?? [];
  if (descr === undefined || shapeText === undefined) throw bad('its header has no type or shape');
  const type = types[descr.replace(/^=/, '<').replace(/^[<>](?=[biu]1$)/, '|')];
  if (!type) throw bad(`numbers of type ${descr}; little-endian integers, booleans, float32 and float64 can be read`);
  if (/'fortran_order':\s*True/.test(header))
    throw bad('it is stored column by column; save it with numpy.ascontiguousarray');
  const shape = shapeText
    .split(',')
    .filter((text) => text.trim() !== '')
    .map(Number);
  if (shape.length === 0) throw bad('it is a single number');
  const expected = sizeOf(shape) * type.bytes;
  if (size - start < expected)
    throw new StillhouseError(
      'DATA_TRUNCATED',
      `${what} has ${size - start} of the ${expected} bytes that its header announces`,
    );
  return { path, shape, type, start };
}

/**
 * Rows [first, first + count).
 * @param dtype how they are kept in memory
 */
function readRows(
  { path, shape, type, start }: NpyFile,
  { first, count, dtype = type.dtype }: { first: number; count: number; dtype?: TensorType },
): Numbers {
  const width = sizeOf(shape.slice(1));
  const bytes = Buffer.alloc(count * width * type.bytes);
  const file = openSync(path, 'r');
  try {
    readSync(file, bytes, 0, bytes.length, start + first * width * type.bytes);
  } finally {
    closeSync(file);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = zerosOf(dtype, count * width);
  for (let i = 0; i < out.length; i++) out[i] = type.at(view, i * type.bytes);
  return out;
}

/** @param labels if absent, all labels are 0 */
export function arraysSet(what: string, inputs: NpyFile, labels: NpyFile | undefined): TensorSet {
  const [rowCount] = inputs.shape;
  const labelShape = labels?.shape ?? [rowCount];
  if (labelShape[0] !== rowCount)
    throw new StillhouseError('DATA_FORMAT', `${what} has ${rowCount} rows of inputs but ${labelShape[0]} labels`);
  if (labelShape.length > 2)
    throw new StillhouseError(
      'DATA_FORMAT',
      `${what}: its labels have ${labelShape.length} dimensions; at most two are allowed`,
    );
  const inner = inputs.shape.slice(1);
  const { dtype } = inputs.type;
  const labelType = labels?.type.bytes === 8 ? 'F64' : labels?.type.dtype;
  // Grey images get the channel dimension that convolutions expect.
  const inputShape = inner.length === 0 ? [1] : inner.length === 2 && dtype === 'U8' ? [...inner, 1] : inner;
  return {
    what,
    rowCount,
    inputShape,
    dtype,
    isBytes: dtype === 'U8' && inner.length > 1,
    classes: undefined,
    labelCount: labelShape[1] ?? 1,
    async *chunks() {
      for (let first = 0; first < rowCount; first += chunkRows) {
        const count = Math.min(chunkRows, rowCount - first);
        yield {
          rowCount: count,
          // A target may be scaled before it is rounded to fp32.
          cells: [
            readRows(inputs, { first, count }),
            labels
              ? readRows(labels, { first, count, ...(labelType ? { dtype: labelType } : {}) })
              : new Float32Array(count),
          ],
        };
      }
    },
  };
}

export const npy = defineSource<SourceConfigOf<'npy'>>({
  files: ({ npy: { inputs, labels } }, { find }) => (labels === undefined ? [inputs] : [inputs, labels]).map(find),
  isRepeatable: () => true,
  byName: (path, { name }) => (name.endsWith('.npy') ? { npy: { inputs: path, labels: path } } : undefined),
  open: ({ npy: { inputs, labels } }, { find }) => ({
    type: 'tensors',
    tensors: arraysSet(
      inputs,
      openNpy(find(inputs), inputs),
      labels === undefined ? undefined : openNpy(find(labels), labels),
    ),
  }),
});
