// How the flat buffer is cut: into one segment per member, which owns it, and these into chunks, which travel and are
// summed one by one. Every member computes the same.
import type { Span } from './tree.js';

/** A range of chunks of one segment: a frame carries one chunk, or tells of several that need not travel. */
export interface Run {
  readonly owner: number;
  /** Chunks [first, end) of the segment. */
  readonly first: number;
  readonly end: number;
}

export interface CutQuestion {
  /** Numbers of the buffer. */
  readonly length: number;
  readonly owners: number;
  /** Segments begin at multiples of so many numbers; late ones may be empty. */
  readonly align: number;
  /** Most numbers of a chunk. */
  readonly chunkFloats: number;
  /** Chunks end here as well: one is coded as a whole, or not at all. */
  readonly codedFloats: number;
}

export function segmentsOf({ length, owners, align }: Pick<CutQuestion, 'length' | 'owners' | 'align'>): Span[] {
  const size = Math.ceil(length / owners / align) * align;
  return Array.from({ length: owners }, (_, index) => ({
    lo: Math.min(length, index * size),
    hi: Math.min(length, (index + 1) * size),
  }));
}

function chunksOf({ lo, hi }: Span, { chunkFloats, codedFloats }: CutQuestion): Span[] {
  const mid = Math.min(hi, Math.max(lo, codedFloats));
  const cut = (from: number, to: number): Span[] =>
    Array.from({ length: Math.ceil((to - from) / chunkFloats) }, (_, i) => ({
      lo: from + i * chunkFloats,
      hi: Math.min(to, from + (i + 1) * chunkFloats),
    }));
  return [...cut(lo, mid), ...cut(mid, hi)];
}

export class Chunks {
  /** The segment that each member owns, and its chunks. */
  readonly segments: readonly Span[];
  readonly bySegment: readonly (readonly Span[])[];
  /** Of the segment that has most, and of all. */
  readonly most: number;
  readonly count: number;
  /** Number of the first chunk of each segment; and the segment of each chunk. */
  readonly #firstOf: readonly number[];
  readonly #ownerOf: readonly number[];

  constructor(question: CutQuestion) {
    this.segments = segmentsOf(question);
    this.bySegment = this.segments.map((segment) => chunksOf(segment, question));
    this.most = Math.max(...this.bySegment.map(({ length }) => length));
    let count = 0;
    this.#firstOf = this.bySegment.map(({ length }) => (count += length) - length);
    this.count = count;
    this.#ownerOf = this.bySegment.flatMap((each, owner) => each.map(() => owner));
  }

  /** The chunk's number among those of all segments. */
  numberOf(owner: number, chunk: number): number {
    return this.#firstOf[owner]! + chunk;
  }

  /** Who owns the chunk with this number; undefined if there is none. */
  ownerOf(number: number): number | undefined {
    return this.#ownerOf[number];
  }

  /** The chunks of a segment that begin with this one and have so many numbers; undefined if none do. */
  runOf(number: number, floats: number): Run | undefined {
    const owner = this.ownerOf(number);
    if (owner === undefined) return undefined;
    const chunks = this.bySegment[owner]!;
    const first = number - this.#firstOf[owner]!;
    let [end, count] = [first, 0];
    while (end < chunks.length && count < floats) {
      count += chunks[end]!.hi - chunks[end]!.lo;
      end += 1;
    }
    return count === floats ? { owner, first, end } : undefined;
  }

  /** Numbers of a run's chunks. */
  floatsOf({ owner, first, end }: Run): number {
    const chunks = this.bySegment[owner]!;
    return chunks[end - 1]!.hi - chunks[first]!.lo;
  }
}
