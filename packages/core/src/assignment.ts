// Who hosts which ranks, and who owns which segment of the flat gradient. Neither can change the result.
import type { Span } from './tree.js';
import { rankShare } from './schedule.js';

/** Deals ranks to workers in contiguous, nearly even runs. Workers beyond the rank count get an empty run. */
export function assignRanks(ranks: number, workerCount: number): Span[] {
  const hosts = Math.min(ranks, workerCount);
  return Array.from({ length: workerCount }, (_, index) => {
    if (index >= hosts) return { lo: ranks, hi: ranks };
    const [lo, hi] = rankShare(ranks, hosts, index);
    return { lo, hi };
  });
}

/** Cuts [0, length) into one segment per owner, aligned to 64 bytes; late segments may be empty. */
export function segmentsOf(length: number, owners: number): Span[] {
  const floatsPerLine = 16;
  const size = Math.ceil(length / owners / floatsPerLine) * floatsPerLine;
  return Array.from({ length: owners }, (_, index) => ({ lo: Math.min(length, index * size), hi: Math.min(length, (index + 1) * size) }));
}
