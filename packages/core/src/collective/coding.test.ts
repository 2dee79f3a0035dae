// What each format does to a block of numbers. That the kernels do the same to the bit is tested next to them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CodedFormat } from '../recipe/wire-format.js';
import { blockFloats, codedBytes, codingOf } from './coding.js';
import { nodeSums } from './node-sums.js';
import { plainSumMemory } from './sum-memory.js';

const formats = ['bf16', 'fp16', 'int8'] as const;

const roundedIn = (format: CodedFormat, numbers: Float32Array): Float32Array => {
  const rounded = numbers.slice();
  plainSumMemory.round(format, rounded);
  return rounded;
};
const bytesIn = (format: CodedFormat, numbers: Float32Array): Uint8Array => {
  const bytes = new Uint8Array(codedBytes(format, numbers.length));
  plainSumMemory.encode(format, numbers, bytes);
  return bytes;
};

/** Of every magnitude, or close to each other, as gradients are. */
const numbersArbitrary = fc.oneof(
  fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 300 }),
  fc
    .tuple(fc.integer({ min: -140, max: 120 }), fc.float32Array({ min: -1, max: 1, noNaN: true, maxLength: 300 }))
    .map(([exponent, numbers]) => numbers.map((value) => value * 2 ** exponent)),
);

/** The distance between what a format can express next to this number, in a block with this largest magnitude. */
function spacingOf(format: CodedFormat, value: number, largest: number): number {
  const exponentOf = (number: number): number => Math.floor(Math.log2(Math.abs(number)));
  if (format === 'int8') return Math.max(2 ** -100, (largest / 127) * (1 + 2 ** -16));
  if (format === 'bf16') return 2 ** (Math.max(-126, exponentOf(value)) - 7);
  const scale = Math.max(2 ** -100, 2 ** (exponentOf(largest) - 15));
  return 2 * scale * 2 ** (Math.max(-14, exponentOf(value / scale)) - 10);
}

describe.each(formats)('%s', (format) => {
  test('a number becomes the nearest that a block can express, and keeps its place among the others', () => {
    fc.assert(
      fc.property(numbersArbitrary, (numbers) => {
        const rounded = roundedIn(format, numbers);
        for (let first = 0; first < numbers.length; first += blockFloats) {
          const block = numbers.subarray(first, first + blockFloats);
          const result = rounded.subarray(first, first + blockFloats);
          const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          // Only next to the largest fp32 number does a block, or a bf16 number, overflow.
          if (largest > 3.38e38) continue;
          block.forEach((value, i) =>
            expect(Math.abs(result[i]! - value)).toBeLessThanOrEqual(spacingOf(format, value, largest) / 2),
          );
          const order = Array.from(block.keys()).toSorted((a, b) => block[a]! - block[b]!);
          order.slice(1).forEach((at, i) => expect(result[at]).toBeGreaterThanOrEqual(result[order[i]!]!));
        }
      }),
    );
  });

  test('what is rounded is rounded again to itself, and encoded again to the same bytes', () => {
    fc.assert(
      fc.property(numbersArbitrary, (numbers) => {
        const rounded = roundedIn(format, numbers);
        expect(roundedIn(format, rounded)).toEqual(rounded);
        expect(bytesIn(format, rounded)).toEqual(bytesIn(format, numbers));
      }),
      { numRuns: 500 },
    );
  });

  test('a number that is not finite stays visible', () => {
    for (const bad of [NaN, Infinity, -Infinity])
      for (const at of [0, 5, 130]) {
        const numbers = new Float32Array(140).fill(0.25);
        numbers[at] = bad;
        const rounded = roundedIn(format, numbers);
        expect(Number.isFinite(rounded[at])).toBe(false);
        // Other blocks keep their numbers.
        expect(rounded[at < blockFloats ? 139 : 0]).toBeCloseTo(0.25, 4);
      }
  });

  test('the largest numbers of fp32 are rounded, or become visible', () => {
    const largest = (2 - 2 ** -23) * 2 ** 127;
    const [rounded] = roundedIn(format, Float32Array.of(largest));
    expect(Number.isFinite(rounded) ? Math.abs(rounded! / largest - 1) < 0.01 : true).toBe(true);
  });

  test('zeros stay zeros', () => {
    expect(roundedIn(format, new Float32Array(200)).every((value) => value === 0)).toBe(true);
  });
});

test('ties go to even', () => {
  // bf16 has 8 significant bits.
  expect([...roundedIn('bf16', Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -8))]).toEqual([
    1,
    1 + 2 ** -6,
    -1,
  ]);
  // fp16 has 11, and next to 1 numbers below 2^−29 have fewer.
  const halves = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 2.5 * 2 ** -39, 3.5 * 2 ** -39);
  expect([...roundedIn('fp16', halves)]).toEqual([1, 1 + 2 ** -9, 2 ** -38, 2 ** -37]);
  // A scale of 1.
  expect([...roundedIn('int8', Float32Array.of(127, 0.5, 1.5, 2.5, -0.5, -1.5))]).toEqual([127, 0, 2, 2, 0, -2]);
});

test('numbers of any magnitude keep 11 bits in fp16, which has a power of two per block', () => {
  for (const magnitude of [1e-28, 1e-8, 1, 1e5, 1e30]) {
    const numbers = Float32Array.from({ length: 100 }, (_, i) => magnitude * (1 + i / 100));
    roundedIn('fp16', numbers).forEach((value, i) =>
      expect(Math.abs(value / numbers[i]! - 1)).toBeLessThanOrEqual(2 ** -11),
    );
  }
});

test('subnormal numbers', () => {
  const tiny = Float32Array.of(2 ** -149, 2 ** -133, 3 * 2 ** -134);
  // bf16 has the exponents of fp32, and its subnormal numbers are multiples of 2^−133.
  expect([...roundedIn('bf16', tiny)]).toEqual([0, 2 ** -133, 2 ** -132]);
  expect([...roundedIn('fp16', tiny)]).toEqual([0, 0, 0]);
  expect([...roundedIn('int8', tiny)]).toEqual([0, 0, 0]);
});

test('bytes: a half, a half and a quarter, apart from the scales', () => {
  expect(formats.map((format) => codedBytes(format, 1024))).toEqual([2048, 2048 + 32, 1024 + 32]);
  expect(formats.map((format) => codedBytes(format, 129))).toEqual([258, 258 + 8, 129 + 8]);
});

test('leaves and sums are rounded, and only as far as there are gradients', () => {
  const { round, addInto } = nodeSums(plainSumMemory, codingOf('int8', { gradients: 130, otherWeights: 2 }));
  const node = Float32Array.from({ length: 140 }, (_, i) => Math.sin(i));
  const leaf = node.slice();
  round(leaf);
  const expected = node.slice();
  plainSumMemory.round('int8', expected.subarray(0, 130));
  expect(leaf).toEqual(expected);
  expect(leaf.subarray(130)).toEqual(node.subarray(130));
  const sum = leaf.slice();
  addInto(sum, leaf);
  const twice = leaf.map((value) => 2 * value);
  plainSumMemory.round('int8', twice.subarray(0, 130));
  expect(sum).toEqual(twice);
});
