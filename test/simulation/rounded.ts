// What gradients are rounded to before they travel, from the definition in docs/protocol.md and with nothing of the
// product.
import type { WireFormat } from '@stillhouse/core';

const blockLength = 128;
const exponentOf = (value: number): number => Math.floor(Math.log2(Math.abs(value)));

function toWhole(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/** With this many significant bits, but only multiples of the smallest number. */
function toBits(value: number, bits: number, smallest: number): number {
  if (value === 0) return 0;
  const unit = Math.max(smallest, 2 ** (exponentOf(value) - bits + 1));
  return toWhole(value / unit) * unit;
}

function roundBlock(format: WireFormat, block: readonly number[]): number[] {
  const largest = Math.max(...block.map(Math.abs));
  if (largest === 0 || format === 'fp32') return [...block];
  if (format === 'bf16') return block.map((value) => toBits(value, 8, 2 ** -133));
  if (format === 'fp16') {
    const scale = Math.max(2 ** -100, 2 ** (exponentOf(toBits(largest, 11, 0)) - 15));
    return block.map((value) => toBits(value / scale, 11, 2 ** -24) * scale);
  }
  const exact = Math.fround(largest / 127);
  const unit = 2 ** (exponentOf(exact) - 16);
  const scale = Math.max(2 ** -100, Math.ceil(exact / unit) * unit);
  return block.map((value) => toWhole(Math.fround(value / scale)) * scale);
}

/** The first numbers are rounded, block by block; the others stay. */
export function rounded(format: WireFormat, numbers: Float32Array, count: number): Float32Array {
  const result = numbers.slice();
  for (let first = 0; first < count; first += blockLength)
    result.set(roundBlock(format, Array.from(numbers.subarray(first, Math.min(count, first + blockLength)))), first);
  return result;
}
