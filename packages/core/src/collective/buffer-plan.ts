// Buffers that are allocated together: each is reserved first, and there once all are.
import type { SumMemory } from './sum-memory.js';

export class BufferPlan {
  readonly #lengths: number[] = [];
  #buffers: Float32Array[] = [];

  /** Reserves so many numbers; the function returns them after `allocate`. */
  reserve(length: number): () => Float32Array {
    const index = this.#lengths.push(length) - 1;
    return () => this.#buffers[index]!;
  }

  allocate(memory: SumMemory): void {
    this.#buffers = memory.allocate(this.#lengths);
  }
}
