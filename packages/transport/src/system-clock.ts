// The clock of this machine, as the shells get it.
import type { Clock } from '@stillhouse/core';

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
