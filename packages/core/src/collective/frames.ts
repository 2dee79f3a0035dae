// The data plane: frames between workers. A header of 32 bytes (8 little-endian u32), then raw little-endian numbers,
// which are sent from the memory where they lie, and received into the memory where they belong.
import { StillhouseError } from '../error/errors.js';
import type { Span } from './tree.js';

/**
 * What a frame carries: `count` numbers of its type. Those of partial and reduced sums stay where they are if the
 * receiver reads the sender's memory.
 */
export type FrameHeader =
  /** The sender's sum of one subtree (fp32), for a chunk of a segment that the receiver owns or relays. */
  | {
      readonly type: 'partial';
      readonly generation: number;
      readonly op: number;
      readonly chunk: number;
      readonly span: Span;
      readonly count: number;
    }
  /** The finished sum of a chunk of a segment that the sender owns or relays (fp32). */
  | {
      readonly type: 'reduced';
      readonly generation: number;
      readonly op: number;
      readonly chunk: number;
      readonly count: number;
    }
  /** Metric sums of one rank (fp64). */
  | {
      readonly type: 'values';
      readonly generation: number;
      readonly op: number;
      readonly rank: number;
      readonly count: number;
    }
  /** A member without ranks has reached the operation. */
  | { readonly type: 'mark'; readonly generation: number; readonly op: number; readonly count: 0 }
  /** Bytes [offset, offset + count) of the training state of `total` bytes, for a member that lags. */
  | {
      readonly type: 'state';
      readonly generation: number;
      readonly offset: number;
      readonly total: number;
      readonly count: number;
    };

/** The first frame of a link: whether the sender reads the memory that the receiver offers, both being on one host. */
export interface Greeting {
  readonly type: 'greeting';
  readonly generation: number;
  readonly reads: boolean;
  readonly count: 0;
}

export interface MeshFrame {
  readonly header: FrameHeader;
  /** The numbers' bytes, in the memory where they lie. */
  readonly data: Uint8Array;
}

export const headerBytes = 32;
const magic = 0x53544c32;
const types = ['partial', 'reduced', 'values', 'mark', 'state', 'greeting'] as const;

/** [magic, index of the type, generation, operation, place, lo, hi, count] */
type Fields = [number, number, number, number, number, number, number, number];

/** Operation; chunk or rank; span, or offset and total. */
function placeOf(header: FrameHeader | Greeting): [op: number, place: number, lo: number, hi: number] {
  switch (header.type) {
    case 'partial':
      return [header.op, header.chunk, header.span.lo, header.span.hi];
    case 'reduced':
      return [header.op, header.chunk, 0, 0];
    case 'values':
      return [header.op, header.rank, 0, 0];
    case 'mark':
      return [header.op, 0, 0, 0];
    case 'greeting':
      return [0, Number(header.reads), 0, 0];
    case 'state':
      return [0, 0, header.offset, header.total];
  }
}

export function encodeHeader(header: FrameHeader | Greeting): Uint8Array {
  const fields: Fields = [magic, types.indexOf(header.type), header.generation, ...placeOf(header), header.count];
  return new Uint8Array(Uint32Array.from(fields).buffer);
}

/**
 * @param bytes the first `headerBytes` of a frame, at any place in memory
 * @throws StillhouseError PROTOCOL_VIOLATION
 */
export function decodeHeader(bytes: Uint8Array): FrameHeader | Greeting {
  const bad = (why: string): never => {
    throw new StillhouseError('PROTOCOL_VIOLATION', `a frame between workers is not valid: ${why}`);
  };
  if (bytes.byteLength < headerBytes) return bad(`${bytes.byteLength} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const [found, typeIndex, generation, op, place, lo, hi, count] = Array.from({ length: headerBytes / 4 }, (_, i) =>
    view.getUint32(4 * i, true),
  ) as Fields;
  const type = types[typeIndex];
  if (found !== magic || type === undefined) return bad('unknown type');
  switch (type) {
    case 'partial':
      return { type, generation, op, chunk: place, span: { lo, hi }, count };
    case 'reduced':
      return { type, generation, op, chunk: place, count };
    case 'values':
      return { type, generation, op, rank: place, count };
    case 'mark':
      return count === 0 ? { type, generation, op, count } : bad(`a mark of ${count} bytes`);
    case 'greeting':
      return count === 0 && place <= 1
        ? { type, generation, reads: place === 1, count }
        : bad('a greeting with numbers');
    case 'state':
      return lo + count > hi ? bad('state beyond its end') : { type, generation, offset: lo, total: hi, count };
  }
}
