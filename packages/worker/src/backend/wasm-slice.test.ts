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

test('a slice has the values that are there, at any place, of any size and type', () => {
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
