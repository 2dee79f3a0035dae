// Which numbers of the flat buffer travel in fewer bits, and how many bytes they take. Rounding belongs to the tree,
// not to the wire: each of its nodes is rounded wherever it is computed, so what is sent cannot change a bit.
import type { CodedFormat, WireFormat } from '../recipe/wire-format.js';
import type { FlatLayout } from './flat-layout.js';

/** Numbers [0, count) of the flat buffer are rounded to a format; the others stay fp32. */
export type Coding =
  { readonly format: 'fp32'; readonly count: 0 } | { readonly format: CodedFormat; readonly count: number };

export const uncoded: Coding = { format: 'fp32', count: 0 };

/** Gradients are rounded. Other weights, losses and accounts are not: they are few, and accounts must stay exact. */
export const codingOf = (format: WireFormat, { gradients }: FlatLayout): Coding =>
  format === 'fp32' ? uncoded : { format, count: gradients };

/** Numbers that share a scale. Blocks begin at multiples of their length in the flat buffer. */
export const blockFloats = 128;
export const scaleBytes = 4;
const bytesEach = { bf16: 2, fp16: 2, int8: 1 } as const;

/** How many numbers cannot be separated; a segment or a chunk that is coded begins at a multiple of it. */
export const alignmentOf = (format: WireFormat): number => (format === 'fp16' || format === 'int8' ? blockFloats : 1);

/** How many bytes that many numbers take. */
export const codedBytes = (format: CodedFormat, count: number): number =>
  count * bytesEach[format] + (format === 'bf16' ? 0 : Math.ceil(count / blockFloats) * scaleBytes);
