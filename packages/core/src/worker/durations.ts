// How long something took each time, in constant memory: the mean, and quantiles to within five per cent.
import type { DurationSummary } from '../job/run-record.js';

export interface Durations {
  readonly count: number;
  readonly sumMs: number;
  readonly longestMs: number;
  /** How many were in each bucket; a bucket's bounds are a factor apart. */
  readonly buckets: readonly number[];
}

/** The first bucket ends here; what is shorter is in it. */
const shortestMs = 1e-3;
const bucketsPerOctave = 8;
/** Durations beyond 2³⁸ µs, about three days, are in the last bucket. */
const bucketCount = 38 * bucketsPerOctave;

export const noDurations: Durations = {
  count: 0,
  sumMs: 0,
  longestMs: 0,
  buckets: Array.from({ length: bucketCount }, () => 0),
};

const bucketOf = (ms: number): number =>
  Math.min(bucketCount - 1, Math.max(0, Math.ceil(bucketsPerOctave * Math.log2(ms / shortestMs))));

/**
 * @param ms not negative
 * @param times how often it took so long
 */
export function withDuration({ count, sumMs, longestMs, buckets }: Durations, ms: number, times = 1): Durations {
  const bucket = bucketOf(ms);
  return {
    count: count + times,
    sumMs: sumMs + times * ms,
    longestMs: Math.max(longestMs, ms),
    buckets: buckets.with(bucket, buckets[bucket]! + times),
  };
}

/** The smallest duration that this share of all does not exceed, in milliseconds. */
function quantile({ count, longestMs, buckets }: Durations, share: number): number {
  let left = Math.max(1, Math.ceil(share * count));
  const bucket = buckets.findIndex((inBucket) => (left -= inBucket) <= 0);
  // The middle of a bucket, between bounds that are a factor apart.
  return bucket === 0
    ? Math.min(longestMs, shortestMs)
    : Math.min(longestMs, shortestMs * 2 ** ((bucket - 0.5) / bucketsPerOctave));
}

/** Undefined if there are none. */
export const summaryOf = (durations: Durations): DurationSummary | undefined =>
  durations.count === 0
    ? undefined
    : {
        meanMs: durations.sumMs / durations.count,
        p50Ms: quantile(durations, 0.5),
        p95Ms: quantile(durations, 0.95),
      };
