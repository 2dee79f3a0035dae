// The reduction tree: a fixed balanced binary tree on rank indices, sum(lo,hi) = sum(lo,mid) + sum(mid,hi) in fp32.
// It belongs to the job, so the order of additions, and with it every bit of the sum, is the same for any cluster.
import { invariant } from '../error/errors.js';

/** A subtree, or any range of ranks: [lo, hi). */
export interface Span {
  readonly lo: number;
  readonly hi: number;
}

/** A range of ranks in words; undefined if it is empty. */
export function ranksText({ lo, hi }: Span): string | undefined {
  if (hi === lo) return undefined;
  return hi === lo + 1 ? `rank ${lo}` : `ranks ${lo} to ${hi - 1}`;
}

/** The same as short as a table needs it: `2`, or `0–3`. */
export const ranksLabel = ({ lo, hi }: Span): string | undefined =>
  hi === lo ? undefined : hi === lo + 1 ? String(lo) : `${lo}–${hi - 1}`;

export const isSameSpan = (a: Span, b: Span): boolean => a.lo === b.lo && a.hi === b.hi;

export const spanKey = (span: Span): string => `${span.lo}-${span.hi}`;

export function midOf(span: Span): number {
  return span.lo + Math.floor((span.hi - span.lo) / 2);
}

/** How many additions follow one another in a tree over this many ranks. */
export const treeHeight = (ranks: number): number => Math.ceil(Math.log2(ranks));

/**
 * The maximal subtrees of the tree over [0, ranks) that are completely inside a worker's range of ranks, from left to
 * right.
 */
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

/**
 * The maximal subtrees whose ranks all belong to one group, from left to right.
 * @param groups each rank's group
 */
export function groupSubtrees(ranks: number, groups: readonly number[]): { span: Span; group: number }[] {
  const found: { span: Span; group: number }[] = [];
  const visit = ({ lo, hi }: Span): void => {
    const group = groups[lo]!;
    if (groups.slice(lo, hi).every((each) => each === group)) return void found.push({ span: { lo, hi }, group });
    const mid = midOf({ lo, hi });
    visit({ lo, hi: mid });
    visit({ lo: mid, hi });
  };
  visit({ lo: 0, hi: ranks });
  return found;
}

/**
 * target[i] += addend[i] in fp32. JavaScript adds in double and rounds once on the store, which equals an fp32
 * addition.
 */
export function addInto(target: Float32Array, addend: Float32Array): void {
  const count = target.length;
  for (let i = 0; i < count; i++) target[i]! += addend[i]!;
}

export interface Leaves<Sum = Float32Array> {
  /** Writes the contribution of a rank into the given buffer. */
  readonly write: (rank: number, out: Sum) => Promise<void>;
  /** A buffer for each depth of the tree below its root. */
  readonly scratch: readonly Sum[];
  /** Rounds a leaf to what the wire can carry. */
  readonly round: (leaf: Sum) => void;
  /** target[i] += addend[i] in fp32, rounded as leaves are. */
  readonly addInto: (target: Sum, addend: Sum) => void;
}

/** Sums the leaves of one subtree into `out`, from left to right. */
export function sumSubtree<Sum = Float32Array>(span: Span, out: Sum, leaves: Leaves<Sum>): Promise<void> {
  const visit = async (node: Span, target: Sum, depth: number): Promise<void> => {
    if (node.hi - node.lo === 1) {
      await leaves.write(node.lo, target);
      return leaves.round(target);
    }
    const mid = midOf(node);
    await visit({ lo: node.lo, hi: mid }, target, depth + 1);
    const right = leaves.scratch[depth];
    invariant(right, `a buffer for depth ${depth}`);
    await visit({ lo: mid, hi: node.hi }, right, depth + 1);
    leaves.addInto(target, right);
  };
  return visit(span, out, 0);
}
