// The defaults of the library's options, for code that shows them to a user.
import { limits } from '@stillhouse/core';
import { defaultWorkers } from './run/worker-places.js';

export const defaults = {
  workers: defaultWorkers,
  /** In milliseconds, like all times here. */
  heartbeatTimeoutMs: limits.heartbeatTimeoutMs,
  checkpointEveryMs: limits.checkpointEveryMs,
  patienceMs: limits.coordinatorPatienceMs,
} as const;
