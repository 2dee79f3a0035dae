// The kernels round, encode and decode as the definition in plain JavaScript does, to the bit, wherever numbers lie.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '@stillhouse/core';
import { codedBytes, plainSumMemory } from '@stillhouse/core/cluster';
import { allocateFlat } from './memory.js';

const { sums } = allocateFlat([1]);
const [numbers, others, coded] = sums.allocate([1000, 1000, 1000]);

/** Numbers of any magnitude, of about one magnitude, close to ties, zeros, and some that are not finite. */
function drawn(count: number, seed: number): Float32Array {
  const next = randomStream(seed);
  const magnitude = 2 ** Math.floor(260 * next() - 140);
  const spread = next() < 0.5 ? 1 : 2 ** (40 * next());
  const isTied = next() < 0.3;
  const bad = next() < 0.1 ? [NaN, Infinity, -Infinity, 3.4e38][Math.floor(4 * next())] : undefined;
  const result = Float32Array.from({ length: count }, () => {
    const value = (2 * next() - 1) * spread ** next();
    const tied = isTied ? Math.round(value * 256) / 256 + 2 ** -9 * Math.floor(3 * next()) : value;
    return next() < 0.05 ? (next() < 0.5 ? 0 : -0) : magnitude * tied;
  });
  if (bad !== undefined) result[Math.floor(count * next())] = bad;
  return result;
}

const bitsOf = (floats: Float32Array): number[] =>
  Array.from(floats, (value, i) => (Number.isNaN(value) ? NaN : new Uint32Array(floats.buffer, floats.byteOffset)[i]));

test.each(['bf16', 'fp16', 'int8'] as const)('%s: the kernels have the bits of the definition', (format) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 }), fc.nat(30), fc.nat(), (count, first, seed) => {
      const values = drawn(count, seed);
      const expected = values.slice();
      plainSumMemory.round(format, expected);
      const expectedBytes = new Uint8Array(codedBytes(format, count));
      plainSumMemory.encode(format, values, expectedBytes);

      // Beside them lie numbers that must stay.
      numbers.fill(7);
      const place = numbers.subarray(first, first + count);
      place.set(values);
      const bytes = new Uint8Array(coded.buffer, coded.byteOffset, 4000).fill(9);
      const codedPlace = bytes.subarray(2 * first, 2 * first + expectedBytes.length);
      sums.encode(format, place, codedPlace);
      expect(codedPlace.slice()).toEqual(expectedBytes);
      sums.round(format, place);
      expect(bitsOf(place.slice())).toEqual(bitsOf(expected));

      others.fill(7);
      const decoded = others.subarray(first, first + count);
      sums.decode(format, codedPlace, decoded);
      expect(bitsOf(decoded.slice())).toEqual(bitsOf(expected));
      for (const buffer of [numbers, others]) {
        expect(buffer.subarray(0, first).every((value) => value === 7)).toBe(true);
        expect(buffer.subarray(first + count).every((value) => value === 7)).toBe(true);
      }
      expect(bytes.subarray(2 * first + expectedBytes.length).every((value) => value === 9)).toBe(true);
    }),
    { numRuns: 400 },
  );
});
