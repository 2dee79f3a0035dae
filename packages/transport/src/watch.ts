// Watches links that owe something. Time is counted in ticks: a process that was asleep, or computed for long, has not
// read what came meanwhile, so all of that time counts as one tick.
import { limits } from '@stillhouse/core';

export interface Watched {
  /** Called twice a second. */
  tick(): void;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

export function watch(each: Watched): void {
  watched.add(each);
  timer ??= setInterval(() => {
    for (const each of watched) each.tick();
  }, limits.tickIntervalMs).unref();
}

export function unwatch(each: Watched): void {
  watched.delete(each);
  if (watched.size > 0 || !timer) return;
  clearInterval(timer);
  timer = undefined;
}

/** How many ticks a time takes. */
export const ticksOf = (ms: number): number => Math.ceil(ms / limits.tickIntervalMs);
