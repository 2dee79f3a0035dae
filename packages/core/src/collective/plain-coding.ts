// Gradients in fewer bits, in plain JavaScript: the definition that the kernels of worker/assembly/coding.ts follow.
//   bf16: the upper half of an fp32 number.
//   fp16: a power of two per block of 128 numbers, and a half-precision number each, so nothing overflows and little
//     underflows (block floating point; a loss scale that belongs to the data).
//   int8: a scale per block, its largest magnitude / 127, and a whole number from −127 to 127 each.
// All round to nearest, ties to even. What is rounded already is encoded without loss, because its block's scale is the
// same again. If a number of a block is not finite, or too large to be rounded, the whole block becomes NaN.
import { halfOf } from '../format/quantize.js';
import type { CodedFormat } from '../recipe/wire-format.js';
import { blockFloats, codedBytes, scaleBytes } from './coding.js';

/** Small enough for any gradient, and so large that every number of a block is a normal fp32 number. */
const smallestScale = 2 ** -100;

const word = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  word.setFloat32(0, value);
  return word.getUint32(0);
}

function floatOfBits(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}

/** The bits of an fp32 number without the last ones, rounded to nearest, ties to even. */
function dropBits(bits: number, dropped: number): number {
  const half = 2 ** (dropped - 1);
  const rounded = bits + half - 1 + ((bits >>> dropped) & 1);
  return rounded - (rounded % (2 * half));
}

/** The nearest whole number, ties to even: beyond 2⁵² a double has no fraction. */
const nearestEven = (value: number): number => value + 1.5 * 2 ** 52 - 1.5 * 2 ** 52;

const largestOf = (block: Float32Array): number => block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Its largest number is at least 2¹⁵ after rounding, and less than 2¹⁶. */
function halfScaleOf(block: Float32Array): number {
  const largest = floatOfBits(dropBits(bitsOf(largestOf(block)), 13));
  if (!(largest < Infinity)) return NaN;
  const exponent = (bitsOf(largest) >>> 23) - 127;
  return Math.max(smallestScale, 2 ** (exponent - 15));
}

/** Rounded up to 17 bits, so that its products with whole numbers are exact, and 127 of them give the scale again. */
function byteScaleOf(block: Float32Array): number {
  const largest = largestOf(block);
  if (!(largest < Infinity)) return NaN;
  const bits = bitsOf(largest / 127) + 0x7f;
  const scale = Math.max(smallestScale, floatOfBits(bits - (bits % 0x80)));
  return Math.fround(127 * scale) < Infinity ? scale : NaN;
}

function floatOfHalf(half: number): number {
  const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >>> 10) & 0x1f, half & 0x3ff];
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}

interface Coder {
  encode(numbers: Float32Array, bytes: DataView): void;
  decode(bytes: DataView, numbers: Float32Array): void;
}

/** Blocks of a scale and their numbers, each of which is a multiple of it. */
function blockCoder(each: {
  readonly bytes: number;
  readonly scaleOf: (block: Float32Array) => number;
  readonly write: (view: DataView, at: number, multiple: number) => void;
  readonly read: (view: DataView, at: number) => number;
}): Coder {
  const placeOf = (first: number): number => (first / blockFloats) * (scaleBytes + blockFloats * each.bytes);
  return {
    encode(numbers, view) {
      for (let first = 0; first < numbers.length; first += blockFloats) {
        const block = numbers.subarray(first, first + blockFloats);
        const scale = each.scaleOf(block);
        const at = placeOf(first);
        view.setFloat32(at, scale, true);
        block.forEach((value, i) =>
          each.write(view, at + scaleBytes + i * each.bytes, Number.isNaN(scale) ? 0 : Math.fround(value / scale)),
        );
      }
    },
    decode(view, numbers) {
      for (let i = 0; i < numbers.length; i++) {
        const at = placeOf(i - (i % blockFloats));
        const multiple = each.read(view, at + scaleBytes + (i % blockFloats) * each.bytes);
        numbers[i] = multiple * view.getFloat32(at, true);
      }
    },
  };
}

const coders: Record<CodedFormat, Coder> = {
  bf16: {
    encode(numbers, view) {
      numbers.forEach((value, i) => {
        const bits = bitsOf(value);
        view.setUint16(2 * i, Number.isNaN(value) ? (bits >>> 16) | 0x40 : dropBits(bits, 16) / 2 ** 16, true);
      });
    },
    decode(view, numbers) {
      for (let i = 0; i < numbers.length; i++) numbers[i] = floatOfBits(view.getUint16(2 * i, true) * 2 ** 16);
    },
  },
  fp16: blockCoder({
    bytes: 2,
    scaleOf: halfScaleOf,
    write: (view, at, multiple) => view.setUint16(at, halfOf(multiple), true),
    read: (view, at) => floatOfHalf(view.getUint16(at, true)),
  }),
  int8: blockCoder({
    bytes: 1,
    scaleOf: byteScaleOf,
    write: (view, at, multiple) => view.setInt8(at, nearestEven(multiple)),
    read: (view, at) => view.getInt8(at),
  }),
};

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

export function plainEncode(format: CodedFormat, numbers: Float32Array, bytes: Uint8Array): void {
  coders[format].encode(numbers, viewOf(bytes));
}

export function plainDecode(format: CodedFormat, bytes: Uint8Array, numbers: Float32Array): void {
  coders[format].decode(viewOf(bytes), numbers);
}

/** What arrives if the numbers are sent. */
export function plainRound(format: CodedFormat, numbers: Float32Array): void {
  const bytes = new Uint8Array(codedBytes(format, numbers.length));
  plainEncode(format, numbers, bytes);
  plainDecode(format, bytes, numbers);
}
