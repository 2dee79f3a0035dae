// What a step computes and what it exchanges, as its workers measured it, and whether fewer of them would take less
// time.
import { costsOf, dealRanks, stepCost } from '../collective/assignment.js';
import { limits } from '../error/limits.js';

export interface WorkerTimes {
  readonly workerId: string;
  readonly ranks: number;
  /** Time of one rank's micro-batch, in milliseconds. */
  readonly rankMs: number;
  /** Time from the end of its own computation until the sum of all ranks is there, in milliseconds. */
  readonly exchangeMs: number;
}

export interface StepTimes {
  readonly workers: readonly WorkerTimes[];
  /** What the slowest worker computes, in milliseconds. */
  readonly computeMs: number;
  /** What is left once all have computed: sending, summing and receiving. */
  readonly exchangeMs: number;
  /** What the fastest of them would take for a step without the others. */
  readonly aloneMs: number;
  /** The number of workers that would take the least time, if that is clearly less than what a step takes. */
  readonly fewer?: { readonly workers: number; readonly stepMs: number } | undefined;
}

/**
 * Fewer workers exchange at most as much as all of them, and one worker nothing; none of them computes more slowly when
 * others of its machine are gone. So the estimate for fewer workers is not too low.
 */
export function stepTimes(workers: readonly WorkerTimes[]): StepTimes {
  const ranks = workers.reduce((sum, worker) => sum + worker.ranks, 0);
  const computeMs = Math.max(...workers.map(({ ranks: own, rankMs }) => own * rankMs));
  // A worker that finishes early also waits for the others; the one that finishes last waits least.
  const exchangeMs = Math.min(...workers.map((worker) => worker.exchangeMs));
  const fastest = costsOf(workers.map(({ rankMs }) => rankMs)).toSorted((a, b) => a - b);
  const [best] = workers
    .slice(1)
    .map((_, i) => {
      const costs = fastest.slice(0, i + 1);
      return { workers: i + 1, stepMs: stepCost(dealRanks(ranks, costs), costs) + (i === 0 ? 0 : exchangeMs) };
    })
    .toSorted((a, b) => a.stepMs - b.stepMs);
  const aloneMs = stepCost(dealRanks(ranks, fastest.slice(0, 1)), fastest.slice(0, 1));
  const isFaster = best !== undefined && best.stepMs < (computeMs + exchangeMs) * (1 - limits.rebalanceGain);
  return { workers, computeMs, exchangeMs, aloneMs, ...(isFaster ? { fewer: best } : {}) };
}
