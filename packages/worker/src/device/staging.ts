// Memory from which a device reads inputs directly. It stays for as long as the process lives, as the device demands.
import type { SessionTools } from '@stillhouse/native/engines';
import { Memory } from '../flat/webassembly.js';

const pageBytes = 65_536;
const byLength = new Map<number, Float32Array>();

/** Zeroed memory for so many numbers; the same for each call with the same length. */
export function stagingOf({ sessions }: SessionTools, length: number): Float32Array {
  const known = byLength.get(length);
  if (known) return known.fill(0);
  // WebAssembly's memory begins at a page, as TensorFlow needs it to read in place.
  const pages = Math.ceil((length * Float32Array.BYTES_PER_ELEMENT) / pageBytes);
  const memory = new Memory({ initial: pages, maximum: pages, shared: true });
  const numbers = new Float32Array(memory.buffer, 0, length);
  sessions.pin(numbers);
  byLength.set(length, numbers);
  return numbers;
}
