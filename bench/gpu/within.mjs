// A limit in time for work that another process does.
import { setTimeout as delay } from 'node:timers/promises';

/** @throws Error once the limit is over; the work goes on unless the caller ends it */
export async function within(limitMs, work) {
  const over = new AbortController();
  const late = delay(limitMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`it took more than ${(limitMs / 1000).toFixed(0)} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
