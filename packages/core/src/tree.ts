// The reduction tree: a fixed balanced binary tree on rank indices, sum(lo,hi) = sum(lo,mid) + sum(mid,hi) in fp32.
// It belongs to the job, so the order of additions, and with it every bit of the sum, is the same for any cluster.
import { invariant } from './errors.js';

/** A subtree, or any run of ranks: [lo, hi). */
export interface Span {
  readonly lo: number;
  readonly hi: number;
}

export const spanKey = (span: Span): string => `${span.lo}-${span.hi}`;

export function midOf(span: Span): number {
  return span.lo + Math.floor((span.hi - span.lo) / 2);
}

/** The maximal subtrees of the tree over [0, ranks) that lie whole inside a worker's run of ranks, from left to right. */
export function maximalSubtrees(ranks: number, owned: Span): Span[] {
  const found: Span[] = [];
  const visit = (node: Span): void => {
    if (node.hi <= owned.lo || node.lo >= owned.hi) return;
    if (owned.lo <= node.lo && node.hi <= owned.hi) {
      found.push(node);
      return;
    }
    const mid = midOf(node);
    visit({ lo: node.lo, hi: mid });
    visit({ lo: mid, hi: node.hi });
  };
  if (owned.hi > owned.lo) visit({ lo: 0, hi: ranks });
  return found;
}

/** target[i] += addend[i] in fp32. JavaScript adds in double and rounds once on the store, which equals an fp32 addition. */
export function addInto(target: Float32Array, addend: Float32Array): void {
  const count = target.length;
  for (let i = 0; i < count; i++) target[i] += addend[i];
}

/**
 * Finishes the tree over [0, ranks) from partial sums of subtrees that cover it, into `out`.
 * @param partial the sum of a subtree, or undefined where only its children are known
 */
export function finishTree(ranks: number, partial: (span: Span) => Float32Array | undefined, out: Float32Array): void {
  const reduceInto = (span: Span, target: Float32Array): void => {
    const known = partial(span);
    if (known) {
      target.set(known);
      return;
    }
    invariant(span.hi - span.lo > 1, `no partial sum for rank ${span.lo}`);
    const mid = midOf(span);
    reduceInto({ lo: span.lo, hi: mid }, target);
    const right = { lo: mid, hi: span.hi };
    let addend = partial(right);
    if (!addend) {
      addend = new Float32Array(target.length);
      reduceInto(right, addend);
    }
    addInto(target, addend);
  };
  reduceInto({ lo: 0, hi: ranks }, out);
}

/**
 * Sums the leaves of one subtree into `out`, left to right, with one spare buffer per level.
 * @param leaf writes the contribution of a rank into the buffer that it is given
 */
export async function sumSubtree(span: Span, out: Float32Array, leaf: (rank: number, out: Float32Array) => Promise<void>, spare: (depth: number) => Float32Array, depth = 0): Promise<void> {
  if (span.hi - span.lo === 1) return leaf(span.lo, out);
  const mid = midOf(span);
  await sumSubtree({ lo: span.lo, hi: mid }, out, leaf, spare, depth + 1);
  const right = spare(depth);
  await sumSubtree({ lo: mid, hi: span.hi }, right, leaf, spare, depth + 1);
  addInto(out, right);
}
