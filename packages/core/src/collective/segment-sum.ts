// What a worker adds up of one segment: the whole tree of its own, or its host's subtrees of a segment that is owned
// elsewhere. Its leaves are sums that members hand in, its roots those that travel on.
import { invariant } from '../error/errors.js';
import { midOf, spanKey, treeHeight, type Span } from './tree.js';

export interface SegmentLeaf {
  readonly span: Span;
  /** Who hands it in. */
  readonly member: number;
  /** Its sum, of the whole buffer or of the segment, beginning with number `first`. */
  readonly sum: Float32Array;
  readonly first: number;
  /** What is coded of the sum, as it arrives. */
  readonly coded: Float32Array;
}

export interface SegmentRoot {
  readonly span: Span;
  /** Where it is added up, beginning with number `first`; empty if it is a leaf. */
  readonly target: Float32Array;
  readonly first: number;
  /** What is coded of the sum, as it is sent. */
  readonly coded: Float32Array;
}

/** The tree between roots and leaves; a leaf is its index. */
type Node = number | { readonly left: Node; readonly right: Node; readonly height: number };

/** What has arrived of a segment's leaves for one operation. */
export interface Arrivals {
  /** By leaf and chunk, 1 if it is there; how many each chunk still lacks; and 1 if a chunk is added up. */
  readonly there: Uint8Array;
  readonly lacking: Uint32Array;
  readonly summed: Uint8Array;
}

export interface SegmentSumOptions {
  readonly owner: number;
  /** The chunks of the segment. */
  readonly chunks: readonly Span[];
  readonly leaves: readonly SegmentLeaf[];
  readonly roots: readonly SegmentRoot[];
}

/** target = left + right, rounded as the job says, for a chunk of the flat buffer. */
export type AddChunk = (chunk: Span, sums: { left: Float32Array; right: Float32Array; target: Float32Array }) => void;

export class SegmentSum {
  readonly owner: number;
  readonly chunks: readonly Span[];
  readonly leaves: readonly SegmentLeaf[];
  readonly #roots: readonly { readonly root: SegmentRoot; readonly node: Node }[];
  readonly #byKey: ReadonlyMap<string, number>;

  constructor({ owner, chunks, leaves, roots }: SegmentSumOptions) {
    this.owner = owner;
    this.chunks = chunks;
    this.leaves = leaves;
    this.#byKey = new Map(leaves.map(({ span }, index) => [spanKey(span), index]));
    this.#roots = roots.map((root) => ({ root, node: this.#nodeOf(root.span) }));
  }

  /** The leaf with these ranks, if it is one. */
  leafOf(span: Span): number | undefined {
    return this.#byKey.get(spanKey(span));
  }

  empty(): Arrivals {
    return this.clear({
      there: new Uint8Array(this.leaves.length * this.chunks.length),
      lacking: new Uint32Array(this.chunks.length),
      summed: new Uint8Array(this.chunks.length),
    });
  }

  clear(arrivals: Arrivals): Arrivals {
    arrivals.there.fill(0);
    arrivals.lacking.fill(this.leaves.length);
    arrivals.summed.fill(0);
    return arrivals;
  }

  isThere(arrivals: Arrivals, leaf: number, chunk: number): boolean {
    return arrivals.there[leaf * this.chunks.length + chunk] !== 0;
  }

  /** Notes that a leaf's chunk is there; returns whether it is the first time. */
  arrive(arrivals: Arrivals, leaf: number, chunk: number): boolean {
    if (this.isThere(arrivals, leaf, chunk)) return false;
    arrivals.there[leaf * this.chunks.length + chunk] = 1;
    arrivals.lacking[chunk]! -= 1;
    return true;
  }

  /** Members whose leaves have not arrived. */
  lackingFrom(arrivals: Arrivals): number[] {
    return this.leaves.flatMap(({ member }, leaf) =>
      this.chunks.some((_, chunk) => !this.isThere(arrivals, leaf, chunk)) ? [member] : [],
    );
  }

  /**
   * Adds up the roots of a chunk.
   * @param scratch a chunk's sums of right children, by height
   * @returns each root with its sum, where it lies
   */
  sum(chunk: number, scratch: readonly Float32Array[], add: AddChunk): { root: SegmentRoot; sum: Float32Array }[] {
    const { lo, hi } = this.chunks[chunk]!;
    const sumOf = (node: Node, target: Float32Array): Float32Array => {
      if (typeof node === 'number') {
        const { sum, first } = this.leaves[node]!;
        return sum.subarray(lo - first, hi - first);
      }
      const left = sumOf(node.left, target);
      const right = sumOf(node.right, scratch[node.height - 1]!.subarray(0, hi - lo));
      add({ lo, hi }, { left, right, target });
      return target;
    };
    return this.#roots.map(({ root, node }) => ({
      root,
      sum: sumOf(node, root.target.subarray(lo - root.first, hi - root.first)),
    }));
  }

  #nodeOf(span: Span): Node {
    const known = this.leafOf(span);
    if (known !== undefined) return known;
    invariant(span.hi - span.lo > 1, `rank ${span.lo} belongs to a member`);
    const mid = midOf(span);
    return {
      left: this.#nodeOf({ lo: span.lo, hi: mid }),
      right: this.#nodeOf({ lo: mid, hi: span.hi }),
      height: treeHeight(span.hi - span.lo),
    };
  }
}
