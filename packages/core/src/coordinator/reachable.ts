// Which workers are known to be reachable for the members, so that they may take part without putting a generation at
// risk, and over which of their addresses they are reached.
import type { ToCoordinator } from '../wire/messages.js';
import type { CoordinatorState, Transition, Worker } from './state.js';

/** A newcomer and most of those that were asked can reach each other. */
function hasPassed({ probe, workerId }: Worker): boolean {
  if (!probe || probe.answers.get(workerId) !== true) return false;
  const members = probe.asked.filter((asked) => asked !== workerId);
  return 2 * members.filter((asked) => probe.answers.get(asked)).length >= members.length;
}

/** Workers that may become members without being tried: they were linked before, or the trial went well. */
export const isKnownToBeReachable = (state: CoordinatorState, worker: Worker): boolean =>
  state.linked.has(worker.workerId) || hasPassed(worker);

/** How a worker reaches others, for `status`; it changes nothing. */
export function onReached(
  state: CoordinatorState,
  worker: Worker,
  { routes }: ToCoordinator & { type: 'reached' },
): Transition {
  const reached: Worker = { ...worker, routes: new Map(routes.map(({ workerId, route }) => [workerId, route])) };
  return { state: { ...state, workers: new Map(state.workers).set(worker.link, reached) }, effects: [] };
}
