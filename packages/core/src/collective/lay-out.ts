// The memory of a collective: what a worker sums by itself, what it receives, and what it adds up of each segment.
import { BufferPlan } from './buffer-plan.js';
import type { Chunks } from './chunks.js';
import type { CodedChunks } from './coded-chunks.js';
import type { Routes } from './routes.js';
import { SegmentSum } from './segment-sum.js';
import type { SumMemory } from './sum-memory.js';
import { isSameSpan, treeHeight, type Span } from './tree.js';

/** A subtree that a worker sums by itself. */
export interface OwnSubtree {
  readonly span: Span;
  /** Of the whole buffer. */
  readonly sum: Float32Array;
  /** What is coded of the sum, as it is sent. */
  readonly coded: Float32Array;
}

export interface LayOutQuestion {
  readonly ranks: number;
  readonly self: number;
  readonly out: Float32Array;
  readonly memory: SumMemory;
  readonly coder: CodedChunks;
  readonly routes: Routes;
  /** The subtrees that this worker sums by itself. */
  readonly own: readonly Span[];
  readonly isAlone: boolean;
  /** Whether numbers travel between this worker and a member, and whether there is one. */
  readonly isRemote: (member: number) => boolean;
  readonly isSending: boolean;
  /** How the buffer is cut, and the most numbers of a chunk. */
  readonly chunks: Chunks;
  readonly chunkFloats: number;
}

export interface LaidOut {
  readonly subtrees: readonly OwnSubtree[];
  /** Of each segment that this worker adds up. */
  readonly sums: readonly SegmentSum[];
  /** Buffers as long as the flat gradient for sums of right children, by depth in the tree over this worker's ranks. */
  readonly rankScratch: readonly Float32Array[];
  /** A chunk's sums of right children, by height. */
  readonly scratch: readonly Float32Array[];
  /** The finished sum as it is sent or received, as far as it is coded. */
  readonly finished: Float32Array;
}

/** Reserves what a segment's sum needs; the function returned makes it, once memory is there. */
function reserveSum(
  question: LayOutQuestion,
  plan: BufferPlan,
  owner: number,
): (subtrees: readonly OwnSubtree[]) => SegmentSum {
  const { chunks, coder, isRemote, out, routes, self } = question;
  const segment = chunks.segments[owner]!;
  const length = segment.hi - segment.lo;
  const isOwn = owner === self;
  const leaves = routes.leavesOf(owner).map((leaf) => ({
    leaf,
    received: leaf.member === self ? undefined : plan.reserve(length),
    coded: plan.reserve(isRemote(leaf.member) ? coder.floatsOf(segment) : 0),
  }));
  const isLeaf = (span: Span): boolean => leaves.some(({ leaf }) => isSameSpan(leaf.span, span));
  const roots = routes.rootsOf(owner).map((span) => ({
    span,
    target: isOwn ? () => out : plan.reserve(isLeaf(span) ? 0 : length),
    coded: plan.reserve(isOwn ? 0 : coder.floatsOf(segment)),
  }));
  return (subtrees) => {
    const ownSum = (span: Span): Float32Array => subtrees.find((each) => isSameSpan(each.span, span))!.sum;
    return new SegmentSum({
      owner,
      chunks: chunks.bySegment[owner]!,
      leaves: leaves.map(({ leaf, received, coded }) => ({
        ...leaf,
        sum: received?.() ?? ownSum(leaf.span),
        first: received ? segment.lo : 0,
        coded: coded(),
      })),
      roots: roots.map(({ span, target, coded }) => ({
        span,
        target: target(),
        first: isOwn ? 0 : segment.lo,
        coded: coded(),
      })),
    });
  };
}

export function layOut(question: LayOutQuestion): LaidOut {
  const { chunkFloats, chunks, coder, isAlone, isSending, memory, out, own, ranks, routes } = question;
  const plan = new BufferPlan();
  const codedFloats = isSending ? coder.floatsOf({ lo: 0, hi: out.length }) : 0;
  const depth = Math.max(0, ...own.map(({ lo, hi }) => treeHeight(hi - lo)));
  const rankScratch = Array.from({ length: depth }, () => plan.reserve(out.length));
  // A worker without peers already has the sum of all.
  const subtrees = own.map((span) => ({
    span,
    sum: isAlone ? () => out : plan.reserve(out.length),
    coded: plan.reserve(codedFloats),
  }));
  const finished = plan.reserve(codedFloats);
  const longest = Math.max(...chunks.segments.map(({ lo, hi }) => hi - lo));
  const scratch = Array.from({ length: isAlone ? 0 : treeHeight(ranks) }, () =>
    plan.reserve(Math.min(chunkFloats, longest)),
  );
  const sums = routes.handled.map((owner) => reserveSum(question, plan, owner));
  plan.allocate(memory);
  const summed = subtrees.map(({ span, sum, coded }) => ({ span, sum: sum(), coded: coded() }));
  return {
    subtrees: summed,
    sums: sums.map((make) => make(summed)),
    rankScratch: rankScratch.map((buffer) => buffer()),
    scratch: scratch.map((buffer) => buffer()),
    finished: finished(),
  };
}
