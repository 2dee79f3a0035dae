// Memory from which a device reads inputs directly. It stays for as long as the process lives, as the device demands.
import type { SessionTools } from '@stillhouse/native/engines';
import { Memory } from '../flat/webassembly.js';

const pageBytes = 65_536;
const byLength = new Map<number, Uint8Array>();

/** Memory for so many bytes, the same for each call with the same length. */
export function bytesFor({ sessions }: SessionTools, length: number): Uint8Array {
  const known = byLength.get(length);
  if (known) return known;
  // WebAssembly's memory begins at a page, as TensorFlow needs it to read in place.
  const pages = Math.ceil(length / pageBytes);
  const bytes = new Uint8Array(new Memory({ initial: pages, maximum: pages, shared: true }).buffer, 0, length);
  sessions.pin(bytes);
  byLength.set(length, bytes);
  return bytes;
}

/** The same for numbers. */
export function numbersFor(tools: SessionTools, length: number): Float32Array {
  const { buffer, byteOffset } = bytesFor(tools, length * Float32Array.BYTES_PER_ELEMENT);
  return new Float32Array(buffer, byteOffset, length);
}
