import fc from 'fast-check';
import { expect, test } from 'vitest';
import { halfOf, quantizeModel } from './quantize.js';

/** The value of a half-precision number, by the definition of the format. */
function valueOf(half: number): number {
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

test('each of the 65,536 halves is its own half', () => {
  for (let half = 0; half < 2 ** 16; half++) if (!Number.isNaN(valueOf(half))) expect(halfOf(valueOf(half))).toBe(half);
  expect(valueOf(halfOf(NaN))).toBeNaN();
});

test('any number becomes the nearest half, and of two that are as near the even one', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.float({ noNaN: true, noDefaultInfinity: true, min: -65504, max: 65504 }),
        fc.double({ min: -1e-4, max: 1e-4, noNaN: true }),
      ),
      (value) => {
        const half = halfOf(value);
        const distance = Math.abs(valueOf(half) - value);
        for (const other of [half - 1, half + 1]) {
          const neighbour = valueOf(other & 0xffff);
          if (!Number.isFinite(neighbour)) continue;
          expect(Math.abs(neighbour - value)).toBeGreaterThanOrEqual(distance);
          if (Math.abs(neighbour - value) === distance && neighbour !== valueOf(half)) expect(half % 2).toBe(0);
        }
      },
    ),
    { numRuns: 2000 },
  );
  expect([65519.9, 65520, -1e9].map((value) => valueOf(halfOf(value)))).toEqual([65504, Infinity, -Infinity]);
});

const modelOf = (...shapes: number[][]): string =>
  JSON.stringify({
    format: 'layers-model',
    weightsManifest: [
      { paths: ['weights.bin'], weights: shapes.map((shape, i) => ({ name: `w${i}`, shape, dtype: 'float32' })) },
    ],
  });

test('bytes stand for numbers within half a step, and 0 for 0; vectors stay as they are', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.float({ min: -100, max: 100, noNaN: true })), {
        minLength: 6,
        maxLength: 6,
      }),
      (values) => {
        const numbers = Float32Array.from([...values, 0.3]);
        const { json, weights } = quantizeModel(modelOf([2, 3], [1]), new Uint8Array(numbers.buffer), 'uint8');
        expect(weights.length).toBe(6 + 4);
        type Entry = { quantization: { min: number; scale: number } };
        const { weightsManifest } = JSON.parse(json) as { weightsManifest: [{ weights: [Entry, Entry] }] };
        const [{ quantization }, vector] = weightsManifest[0].weights;
        expect(vector.quantization).toBeUndefined();
        expect(new Float32Array(weights.slice(6).buffer)).toEqual(Float32Array.of(0.3));
        numbers.subarray(0, 6).forEach((value, i) => {
          const read = weights[i]! * quantization.scale + quantization.min;
          expect(Math.abs(read - value)).toBeLessThanOrEqual(quantization.scale * 0.501);
          if (value === 0) expect(Math.abs(read)).toBe(0);
        });
      },
    ),
  );
});

test('half precision takes two bytes a number', () => {
  const numbers = Float32Array.of(1, -2, 0.1, 65504);
  const { json, weights } = quantizeModel(modelOf([2, 2]), new Uint8Array(numbers.buffer), 'fp16');
  expect(weights.length).toBe(8);
  expect([...new Uint16Array(weights.buffer)]).toEqual([...numbers].map(halfOf));
  expect(JSON.parse(json)).toMatchObject({ weightsManifest: [{ weights: [{ quantization: { dtype: 'float16' } }] }] });
});
