// Where a worker's sums lie in the file that members of the same host read: its finished segment, then its partial
// sums, each as long as the flat gradient. Every member computes the same places.
import type { Span } from './tree.js';

export interface SharedPlaces {
  /** Offset of the finished segment, in bytes. */
  readonly segment: number;
  /** Offset of the partial sum with this index, in bytes. */
  partial(index: number): number;
}

/**
 * @param segment that the worker owns
 * @param of.floats numbers of the flat gradient
 * @param of.align parts begin at multiples of so many numbers; the first such page has what identifies the file
 */
export function sharedPlaces({ lo, hi }: Span, { floats, align }: { floats: number; align: number }): SharedPlaces {
  const padded = (count: number): number => 4 * Math.ceil(count / align) * align;
  const segment = padded(1);
  const partials = segment + padded(hi - lo);
  return { segment, partial: (index) => partials + index * padded(floats) };
}
