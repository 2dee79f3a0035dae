// What the library's functions take where an option is left out, for whoever shows it to a user.
import { limits } from '@stillhouse/core';
import { defaultWorkers } from './run/worker-places.js';

export const defaults = {
  workers: defaultWorkers,
  /** Milliseconds, as all times here. */
  heartbeatTimeoutMs: limits.heartbeatTimeoutMs,
  checkpointEveryMs: limits.checkpointEveryMs,
  patienceMs: limits.coordinatorPatienceMs,
} as const;
