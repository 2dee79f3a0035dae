// What a worker that holds whole subtrees computes: the nodes of the tree, over whole flat buffers.
import { blockFloats, type Coding } from './coding.js';
import type { SumMemory } from './sum-memory.js';
import type { Leaves } from './tree.js';

/** A leaf is rounded to what travels, and so is each sum of two nodes. */
export function nodeSums(memory: SumMemory, { format, count }: Coding): Pick<Leaves, 'round' | 'addInto'> {
  if (format === 'fp32') return { round() {}, addInto: (target, addend) => memory.add(target, addend, target) };
  const floats = Math.max(memory.chunkFloats, blockFloats);
  return {
    round: (leaf) => memory.round(format, leaf.subarray(0, count)),
    addInto(target, addend) {
      // Piece by piece, while a sum is in the processor's cache.
      for (let lo = 0; lo < count; lo += floats) {
        const sum = target.subarray(lo, Math.min(count, lo + floats));
        memory.add(sum, addend.subarray(lo, lo + sum.length), sum);
        memory.round(format, sum);
      }
      const rest = target.subarray(count);
      memory.add(rest, addend.subarray(count), rest);
    },
  };
}
