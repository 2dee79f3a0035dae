// Which workers are known to be reachable for the members: they may take part without putting a generation at risk.
import type { CoordinatorState, Worker } from './state.js';

/** A newcomer and most of those that were asked can reach each other. */
function hasPassed({ probe, workerId }: Worker): boolean {
  if (!probe || probe.answers.get(workerId) !== true) return false;
  const members = probe.asked.filter((asked) => asked !== workerId);
  return 2 * members.filter((asked) => probe.answers.get(asked)).length >= members.length;
}

/** Workers that may become members without being tried: they were linked before, or the trial went well. */
export const isKnownToBeReachable = (state: CoordinatorState, worker: Worker): boolean =>
  state.linked.has(worker.workerId) || hasPassed(worker);
