// The data plane: frames between workers. A header of 32 bytes (8 little-endian u32), then raw little-endian numbers,
// so that a frame is sent from and read into typed arrays without a copy.
import { StillhouseError } from '../errors.js';
import type { Span } from '../tree.js';

export type MeshFrame =
  /** The sender's sum of one subtree, of the segment that the receiver owns. */
  | { readonly kind: 'partial'; readonly generation: number; readonly op: number; readonly segment: number; readonly span: Span; readonly data: Float32Array }
  /** The finished sum of the sender's segment. */
  | { readonly kind: 'reduced'; readonly generation: number; readonly op: number; readonly segment: number; readonly data: Float32Array }
  /** Metric sums of one rank. */
  | { readonly kind: 'values'; readonly generation: number; readonly op: number; readonly rank: number; readonly data: Float64Array };

const headerBytes = 32;
const magic = 0x53544c31;
const kinds = ['partial', 'reduced', 'values'] as const;

/** The frame in two parts, header and payload; the payload shares memory with the frame's data. */
export function encodeFrame(frame: MeshFrame): [header: Uint8Array, payload: Uint8Array] {
  const header = new Uint32Array(headerBytes / 4);
  const place = frame.kind === 'values' ? frame.rank : frame.segment;
  const span = frame.kind === 'partial' ? frame.span : { lo: 0, hi: 0 };
  header.set([magic, kinds.indexOf(frame.kind), frame.generation, frame.op, place, span.lo, span.hi, frame.data.length]);
  return [new Uint8Array(header.buffer), new Uint8Array(frame.data.buffer, frame.data.byteOffset, frame.data.byteLength)];
}

/** @throws StillhouseError PROTOCOL_VIOLATION */
export function decodeFrame(bytes: Uint8Array): MeshFrame {
  const bad = (why: string): never => {
    throw new StillhouseError('PROTOCOL_VIOLATION', `a frame between workers is not valid: ${why}`);
  };
  if (bytes.byteLength < headerBytes) return bad(`${bytes.byteLength} bytes`);
  // Not slice(): a Buffer's shares the memory, and with it the offset.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const [found, kindIndex, generation, op, place, lo, hi, count] = new Uint32Array(aligned.buffer, aligned.byteOffset, headerBytes / 4);
  const kind = kinds[kindIndex];
  if (found !== magic || kind === undefined) return bad('unknown kind');
  const bytesEach = kind === 'values' ? 8 : 4;
  if (aligned.byteLength !== headerBytes + count * bytesEach) return bad(`${aligned.byteLength} bytes for ${count} numbers`);
  const start = aligned.byteOffset + headerBytes;
  if (kind === 'values') return { kind, generation, op, rank: place, data: new Float64Array(aligned.buffer, start, count) };
  const data = new Float32Array(aligned.buffer, start, count);
  return kind === 'partial' ? { kind, generation, op, segment: place, span: { lo, hi }, data } : { kind, generation, op, segment: place, data };
}
