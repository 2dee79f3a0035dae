// Where partial sums lie, and how two of them are added: a port, because an engine keeps them in a memory of its own.
import { addInto } from './tree.js';

export interface SumMemory {
  /** Most numbers per frame; the same on all workers. */
  readonly chunkFloats: number;
  /** Buffers of these lengths, whose contents are undefined. Those that were allocated before are given up. */
  allocate(lengths: readonly number[]): Float32Array[];
  /** target[i] = a[i] + b[i] in fp32. `target` may be `a` or `b`. */
  add(a: Float32Array, b: Float32Array, target: Float32Array): void;
}

/** JavaScript's own memory, for models without a memory of their own: its chunks are as small as segments can be. */
export const plainSumMemory: SumMemory = {
  chunkFloats: 16,
  allocate: (lengths) => lengths.map((length) => new Float32Array(length)),
  add(a, b, target) {
    if (target === b) return addInto(target, a);
    if (target !== a) target.set(a);
    addInto(target, b);
  },
};
