// The data plane: frames between workers. A header of 32 bytes (8 little-endian u32), then raw little-endian numbers,
// so that a frame is sent from and read into typed arrays without a copy.
import { StillhouseError } from '../error/errors.js';
import type { Span } from './tree.js';

export type MeshFrame =
  /** The sender's sum of one subtree, for the segment that the receiver owns. */
  | {
      readonly type: 'partial';
      readonly generation: number;
      readonly op: number;
      readonly segment: number;
      readonly span: Span;
      readonly data: Float32Array;
    }
  /** The finished sum of the sender's segment. */
  | {
      readonly type: 'reduced';
      readonly generation: number;
      readonly op: number;
      readonly segment: number;
      readonly data: Float32Array;
    }
  /** Metric sums of one rank. */
  | {
      readonly type: 'values';
      readonly generation: number;
      readonly op: number;
      readonly rank: number;
      readonly data: Float64Array;
    }
  /** A member without ranks has reached the operation. */
  | { readonly type: 'mark'; readonly generation: number; readonly op: number }
  /** Bytes [offset, offset + data.length) of the training state of `total` bytes, for a member that lags. */
  | {
      readonly type: 'state';
      readonly generation: number;
      readonly offset: number;
      readonly total: number;
      readonly data: Uint8Array;
    };

const headerBytes = 32;
const magic = 0x53544c31;
const types = ['partial', 'reduced', 'values', 'mark', 'state'] as const;

interface Fields {
  readonly op: number;
  /** Segment or rank. */
  readonly place: number;
  readonly lo: number;
  readonly hi: number;
  readonly data: Float32Array | Float64Array | Uint8Array;
}

/** [magic, index of the type, generation, …fields, count of the payload's numbers] */
type Header = [number, number, number, number, number, number, number, number];

const nothing = new Uint8Array(0);

function fieldsOf(frame: MeshFrame): Fields {
  switch (frame.type) {
    case 'partial':
      return { op: frame.op, place: frame.segment, ...frame.span, data: frame.data };
    case 'reduced':
      return { op: frame.op, place: frame.segment, lo: 0, hi: 0, data: frame.data };
    case 'values':
      return { op: frame.op, place: frame.rank, lo: 0, hi: 0, data: frame.data };
    case 'mark':
      return { op: frame.op, place: 0, lo: 0, hi: 0, data: nothing };
    case 'state':
      return { op: 0, place: 0, lo: frame.offset, hi: frame.total, data: frame.data };
  }
}

const bytesEach = { partial: 4, reduced: 4, values: 8, mark: 1, state: 1 } as const;

/** The frame in two parts, header and payload; the payload shares memory with the frame's data. */
export function encodeFrame(frame: MeshFrame): [header: Uint8Array, payload: Uint8Array] {
  const header = new Uint32Array(headerBytes / 4);
  const { op, place, lo, hi, data } = fieldsOf(frame);
  header.set([magic, types.indexOf(frame.type), frame.generation, op, place, lo, hi, data.length] satisfies Header);
  return [new Uint8Array(header.buffer), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

/** @throws StillhouseError PROTOCOL_VIOLATION */
export function decodeFrame(bytes: Uint8Array): MeshFrame {
  const bad = (why: string): never => {
    throw new StillhouseError('PROTOCOL_VIOLATION', `a frame between workers is not valid: ${why}`);
  };
  if (bytes.byteLength < headerBytes) return bad(`${bytes.byteLength} bytes`);
  // Not slice(): a Buffer's slice shares the memory, and with it the offset.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const [found, typeIndex, generation, op, place, lo, hi, count] = [
    ...new Uint32Array(aligned.buffer, aligned.byteOffset, headerBytes / 4),
  ] as Header;
  const type = types[typeIndex];
  if (found !== magic || type === undefined) return bad('unknown type');
  if (aligned.byteLength !== headerBytes + count * bytesEach[type])
    return bad(`${aligned.byteLength} bytes for ${count} numbers`);
  const start = aligned.byteOffset + headerBytes;
  const floats = (): Float32Array => new Float32Array(aligned.buffer, start, count);
  switch (type) {
    case 'partial':
      return { type, generation, op, segment: place, span: { lo, hi }, data: floats() };
    case 'reduced':
      return { type, generation, op, segment: place, data: floats() };
    case 'values':
      return { type, generation, op, rank: place, data: new Float64Array(aligned.buffer, start, count) };
    case 'mark':
      return { type, generation, op };
    case 'state':
      if (lo + count > hi) return bad('state beyond its end');
      return { type, generation, offset: lo, total: hi, data: aligned.subarray(headerBytes) };
  }
}
