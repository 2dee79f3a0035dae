// Where partial sums lie, how two of them are added, and how they are written in fewer bits: a port, because an engine
// keeps them in a memory of its own.
import type { CodedFormat } from '../recipe/wire-format.js';
import { plainDecode, plainEncode, plainRound } from './plain-coding.js';
import { addInto } from './tree.js';

/** Numbers in the file of a member of the same host, which all its members read; only the member itself writes. */
export interface SharedPart {
  /** Descriptor of the file in this process. */
  readonly file: number;
  /** In bytes. */
  readonly offset: number;
  /** Whether it is this worker's own file. */
  readonly isOwn: boolean;
}

export interface SumMemory {
  /** Most numbers per frame; the same on all workers. */
  readonly chunkFloats: number;
  /** Segments and shared parts begin at multiples of so many numbers. */
  readonly alignFloats: number;
  /**
   * Buffers of these lengths, whose contents are undefined. Those that were allocated before are given up, and buffers
   * in which a shared part appears get a memory of their own again.
   */
  allocate(lengths: readonly number[]): Float32Array[];
  /** target[i] = a[i] + b[i] in fp32. `target` may be `a` or `b`. */
  add(a: Float32Array, b: Float32Array, target: Float32Array): void;
  /**
   * Replaces numbers by the nearest ones that a format can express (plain-coding.ts defines them). They begin at a
   * multiple of its block.
   */
  round(format: CodedFormat, numbers: Float32Array): void;
  /** Writes numbers as `codedBytes(format, numbers.length)` bytes; those that are rounded lose nothing. */
  encode(format: CodedFormat, numbers: Float32Array, bytes: Uint8Array): void;
  decode(format: CodedFormat, bytes: Uint8Array, numbers: Float32Array): void;
  /** Lets a shared part appear in a buffer, in place of what it holds. Only for memory that can be shared. */
  show?(buffer: Float32Array, part: SharedPart): void;
}

/** JavaScript's own memory, for models without a memory of their own: its chunks are as small as segments can be. */
export const plainSumMemory: SumMemory = {
  chunkFloats: 16,
  alignFloats: 16,
  allocate: (lengths) => lengths.map((length) => new Float32Array(length)),
  add(a, b, target) {
    if (target === b) return addInto(target, a);
    if (target !== a) target.set(a);
    addInto(target, b);
  },
  round: plainRound,
  encode: plainEncode,
  decode: plainDecode,
};
