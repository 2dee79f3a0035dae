// Memory from which a device reads inputs directly. A device that has been told of memory may read it for as long as
// the process lives, so it is never freed: what one home no longer needs, another one gets.
import type { SessionTools } from '@stillhouse/native/engines';
import { Memory } from '../flat/webassembly.js';

const pageBytes = 65_536;
/** By length. */
const unused = new Map<number, Uint8Array[]>();

export class Staging {
  readonly #used = new Map<number, Uint8Array>();

  constructor(private readonly tools: SessionTools) {}

  /** Memory for so many bytes, the same for each call with the same length. */
  bytes(length: number): Uint8Array {
    const known = this.#used.get(length);
    if (known) return known;
    const bytes = unused.get(length)?.pop() ?? this.#allocate(length);
    this.#used.set(length, bytes);
    return bytes;
  }

  /** The same for numbers. */
  numbers(length: number): Float32Array {
    const { buffer, byteOffset } = this.bytes(length * Float32Array.BYTES_PER_ELEMENT);
    return new Float32Array(buffer, byteOffset, length);
  }

  dispose(): void {
    for (const [length, bytes] of this.#used) unused.set(length, [...(unused.get(length) ?? []), bytes]);
    this.#used.clear();
  }

  #allocate(length: number): Uint8Array {
    // WebAssembly's memory begins at a page, as TensorFlow needs it to read in place.
    const pages = Math.ceil(length / pageBytes);
    const bytes = new Uint8Array(new Memory({ initial: pages, maximum: pages, shared: true }).buffer, 0, length);
    this.tools.sessions.pin(bytes);
    return bytes;
  }
}
