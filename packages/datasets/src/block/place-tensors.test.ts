// Rows that are copied or looked up have the bits of those that are encoded number by number.
import { expect, test } from 'vitest';
import { encodeColumns, type FittedColumn } from '@stillhouse/core';
import { placeTensors } from './place-tensors.js';

const columnOf = (factors: number[], offsets: number[], dtype: 'U8' | 'F32'): FittedColumn => ({
  name: 'x',
  type: 'tensor',
  size: 6,
  factors,
  offsets,
  dtype,
});
const bytes = Uint8Array.from({ length: 18 }, (_, i) => (i * 37) % 256);
const floats = Float32Array.from({ length: 18 }, (_, i) => (i === 4 ? NaN : Math.sin(i) * 1e3));

test.each([
  ['bytes with one factor', columnOf([1 / 255], [-0.5], 'U8'), bytes, true],
  ['bytes as they are', columnOf([1], [0], 'U8'), bytes, true],
  ['numbers as they are', columnOf([1, 1], [0, 0], 'F32'), floats, true],
  ['bytes with a factor for each channel', columnOf([0.1, 0.2], [0, 1], 'U8'), bytes, false],
  ['scaled numbers', columnOf([0.1], [0], 'F32'), floats, false],
] as const)('%s', (_name, column, cells, isSimple) => {
  const places = { from: Int32Array.of(2, 0), to: Int32Array.of(0, 1) };
  const expected = new Float32Array(12);
  encodeColumns([column], [cells], { ...places, out: expected, width: 6 });
  const out = new Float32Array(12);
  expect(placeTensors([column], [cells], { ...places, out })).toBe(isSimple);
  expect(out).toEqual(isSimple ? expected : new Float32Array(12));
});
