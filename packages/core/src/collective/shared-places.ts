// Where a worker's sums lie in the file that members of the same host read: the finished segments that it hands to
// them, then its partial sums, each as long as the flat gradient. Every member computes the same places.
import type { OwnSubtree } from './lay-out.js';
import type { Routes } from './routes.js';
import type { SegmentSum } from './segment-sum.js';
import type { SharedPart } from './sum-memory.js';
import { isSameSpan, maximalSubtrees, type Span } from './tree.js';

interface SharedPlaces {
  /** Offset of a number of the finished sum, in bytes. */
  finished(float: number): number;
  /** Offset of a number of the partial sum with this index, in bytes. */
  partial(index: number, float: number): number;
}

/**
 * @param floats numbers of the flat gradient
 * @param align buffers begin at multiples of so many numbers; the first such page has what identifies the file
 */
function sharedPlaces(floats: number, align: number): SharedPlaces {
  const page = 4 * align;
  const buffer = 4 * Math.ceil(floats / align) * align;
  return {
    finished: (float) => page + 4 * float,
    partial: (index, float) => page + (1 + index) * buffer + 4 * float,
  };
}

/** What a worker adds up, and for whom. */
interface Summed {
  readonly ranks: number;
  readonly members: readonly Span[];
  readonly self: number;
  readonly out: Float32Array;
  readonly routes: Routes;
  readonly segments: readonly Span[];
  readonly subtrees: readonly OwnSubtree[];
  readonly sums: readonly SegmentSum[];
}

/**
 * The buffers whose numbers lie in the files of this host's members.
 * @param files of members that share memory with this one, and its own; if it is the only one, nothing is shared
 */
export function* sharedParts(
  files: ReadonlyMap<number, number>,
  { ranks, members, self, out, routes, segments, subtrees, sums }: Summed,
  align: number,
): Iterable<{ buffer: Float32Array; part: SharedPart }> {
  const own = files.get(self);
  if (own === undefined || files.size === 1) return;
  const isShared = (member: number): boolean => member !== self && files.has(member);
  const places = sharedPlaces(out.length, align);
  for (const [owner, { lo, hi }] of segments.entries()) {
    const source = routes.sourceOf(owner);
    const writer = isShared(source) ? source : self;
    const part = { file: files.get(writer)!, isOwn: writer === self, offset: places.finished(lo) };
    if (hi > lo) yield { buffer: out.subarray(lo, hi), part };
  }
  for (const [index, { sum }] of subtrees.entries())
    yield { buffer: sum, part: { file: own, isOwn: true, offset: places.partial(index, 0) } };
  for (const { leaves } of sums)
    for (const { span, member, sum, first } of leaves) {
      if (!isShared(member) || sum.length === 0) continue;
      const index = maximalSubtrees(ranks, members[member]!).findIndex((each) => isSameSpan(each, span));
      const part = { file: files.get(member)!, isOwn: false, offset: places.partial(index, first) };
      yield { buffer: sum, part };
    }
}
