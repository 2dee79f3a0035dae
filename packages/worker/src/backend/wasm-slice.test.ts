import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { tf } from '@stillhouse/native/tfjs';
import { openBackend } from './open-backend.js';

beforeAll(() => openBackend('wasm', { threads: 1, probe: () => Promise.resolve() }));

const slices = fc
  .array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      begin: fc.tuple(...shape.map((size) => fc.integer({ min: 0, max: size - 1 }))),
      cut: fc.tuple(...shape.map((size) => fc.integer({ min: 0, max: size }))),
      dtype: fc.constantFrom('float32' as const, 'int32' as const, 'bool' as const),
    }),
  )
  .map(({ cut, ...slice }) => ({
    ...slice,
    size: slice.shape.map((size, i) => Math.min(cut[i], size - slice.begin[i])),
  }));

/** The values of a slice, one by one. */
function valuesOf(
  values: readonly number[],
  shape: readonly number[],
  begin: readonly number[],
  size: readonly number[],
): number[] {
  if (shape.length === 0) return [...values];
  const inner = values.length / shape[0];
  return Array.from({ length: size[0] }, (_, i) => (begin[0] + i) * inner).flatMap((from) =>
    valuesOf(values.slice(from, from + inner), shape.slice(1), begin.slice(1), size.slice(1)),
  );
}

test('a slice has the values that are there, at any place and of any size', () => {
  fc.assert(
    fc.property(slices, ({ shape, begin, size, dtype }) => {
      const count = shape.reduce((product, each) => product * each, 1);
      const values = Array.from({ length: count }, (_, i) => (dtype === 'bool' ? i % 2 : i));
      const sliced = tf.tidy(() => tf.slice(tf.tensor(values, shape, dtype), begin, size).dataSync());
      expect([...sliced]).toEqual(valuesOf(values, shape, begin, size));
    }),
  );
});

test('long runs and whole tensors', () => {
  const values = Float32Array.from({ length: 6000 }, (_, i) => i);
  const x = tf.tensor(values, [3, 20, 100]);
  expect(x.slice([1, 5, 0], [2, 3, 100]).dataSync()).toEqual(
    Float32Array.from([...values.subarray(2500, 2800), ...values.subarray(4500, 4800)]),
  );
  expect(x.slice([0, 0, 0], [3, 20, 100]).dataSync()).toEqual(values);
  expect([...x.slice([2, 19, 98]).dataSync()]).toEqual([5998, 5999]);
});

test('bits stay: not a number, minus zero; -1 stands for the rest, one number for the first axis', () => {
  const bits = Int32Array.of(0x7fc00001, -0x80000000, 0x3f800000);
  const sliced = tf.tensor1d(new Float32Array(bits.buffer)).slice([0], [-1]).dataSync();
  expect(new Int32Array(Float32Array.from(sliced).buffer)).toEqual(bits);
  expect([...tf.tensor2d([1, 2, 3, 4], [2, 2]).slice(1).dataSync()]).toEqual([3, 4]);
  expect(tf.tensor2d([], [0, 3]).slice([0, 1], [0, 2]).shape).toEqual([0, 2]);
});

test.each([
  [[2], [4]],
  [[-3], [2]],
])('a slice beyond its operand is refused: begin %j, size %j', (begin, size) => {
  expect(() => tf.slice(tf.tensor1d([1, 2, 3, 4]), begin, size)).toThrow();
});

test('a tensor that another backend holds is moved before memory is used', async () => {
  await tf.setBackend('cpu');
  const large = tf.fill([20_000_000], 3);
  large.dataSync();
  await tf.setBackend('wasm');
  expect([...large.slice([19_999_998], [2]).dataSync()]).toEqual([3, 3]);
  large.dispose();
});
