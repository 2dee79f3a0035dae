// Chunks as they travel: one of gradients is coded as a whole if the job asks for it, any other is sent as it lies.
import { bytesOf } from '../format/safetensors.js';
import { codedBytes, type Coding } from './coding.js';
import type { SumMemory } from './sum-memory.js';
import type { Span } from './tree.js';

export class CodedChunks {
  constructor(
    private readonly memory: SumMemory,
    private readonly coding: Coding,
  ) {}

  /** Space for what is coded of some numbers, in floats. */
  floatsOf({ lo, hi }: Span): number {
    const { format, count } = this.coding;
    return format === 'fp32' ? 0 : Math.ceil(codedBytes(format, Math.max(0, Math.min(hi, count) - lo)) / 4);
  }

  /**
   * Where a chunk lies in a buffer of coded numbers; undefined if it is not coded.
   * @param first number with which the buffer begins
   */
  placeOf(buffer: Float32Array, { lo, hi }: Span, first = 0): Uint8Array | undefined {
    const { format, count } = this.coding;
    if (format === 'fp32' || lo >= count) return undefined;
    const at = codedBytes(format, lo - first);
    return bytesOf(buffer).subarray(at, at + codedBytes(format, hi - lo));
  }

  /** The bytes to send: those of the numbers, or those of the place into which they are coded. */
  encoded(numbers: Float32Array, place: Uint8Array | undefined): Uint8Array {
    const { format } = this.coding;
    if (format === 'fp32' || !place) return bytesOf(numbers);
    this.memory.encode(format, numbers, place);
    return place;
  }

  /** Brings what has arrived to where it is summed or used; what is not coded is there already. */
  decode(chunk: Span, bytes: Uint8Array, numbers: Float32Array): void {
    const { format, count } = this.coding;
    if (format !== 'fp32' && chunk.lo < count) this.memory.decode(format, bytes, numbers);
  }

  /** Rounds the sum of two nodes to what can travel. */
  round(chunk: Span, sum: Float32Array): void {
    const { format, count } = this.coding;
    if (format !== 'fp32' && chunk.lo < count) this.memory.round(format, sum);
  }
}
