// The clock of this machine, as it is passed to the shells.
import type { Clock } from '@stillhouse/core/cluster';

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
