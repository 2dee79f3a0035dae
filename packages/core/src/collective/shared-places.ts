// Where a worker's sums lie in the file that members of the same host read: the finished segments that it hands to
// them, then its partial sums, each as long as the flat gradient. Every member computes the same places.

export interface SharedPlaces {
  /** Offset of a number of the finished sum, in bytes. */
  finished(float: number): number;
  /** Offset of a number of the partial sum with this index, in bytes. */
  partial(index: number, float: number): number;
}

/**
 * @param floats numbers of the flat gradient
 * @param align buffers begin at multiples of so many numbers; the first such page has what identifies the file
 */
export function sharedPlaces(floats: number, align: number): SharedPlaces {
  const page = 4 * align;
  const buffer = 4 * Math.ceil(floats / align) * align;
  return {
    finished: (float) => page + 4 * float,
    partial: (index, float) => page + (1 + index) * buffer + 4 * float,
  };
}
