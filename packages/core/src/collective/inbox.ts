// What has arrived for one operation of the collective.
import type { Arrivals, SegmentSum } from './segment-sum.js';

export class Inbox {
  /** Of each segment that this worker adds up. */
  readonly arrivals: readonly Arrivals[];
  /** By rank. */
  readonly values = new Map<number, Float64Array>();
  /** Members without ranks that have reached the operation. */
  readonly marks = new Set<number>();
  /** By number of a chunk, 1 if the finished sum is there; and how many are not. */
  readonly #reduced: Uint8Array;
  #unreduced: number;

  /** @param chunks of all segments */
  constructor(
    private readonly sums: readonly SegmentSum[],
    chunks: number,
  ) {
    this.arrivals = sums.map((sum) => sum.empty());
    this.#reduced = new Uint8Array(chunks);
    this.#unreduced = chunks;
  }

  /** Whether all finished sums are there. */
  get isWhole(): boolean {
    return this.#unreduced === 0;
  }

  isReduced(chunk: number): boolean {
    return this.#reduced[chunk] !== 0;
  }

  /** Notes that the finished sum of a chunk is there; returns whether it is the first time. */
  reduce(chunk: number): boolean {
    if (this.isReduced(chunk)) return false;
    this.#reduced[chunk] = 1;
    this.#unreduced -= 1;
    return true;
  }

  /** Numbers of the chunks whose finished sums are not there. */
  get missing(): number[] {
    return [...this.#reduced.keys()].filter((chunk) => !this.isReduced(chunk));
  }

  clear(): void {
    for (const [i, sum] of this.sums.entries()) sum.clear(this.arrivals[i]!);
    this.#reduced.fill(0);
    this.#unreduced = this.#reduced.length;
    this.values.clear();
    this.marks.clear();
  }
}
