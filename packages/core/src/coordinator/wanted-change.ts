// What calls for a change of membership: new workers that wait, members that leave or are stuck, and ranks that would
// be faster elsewhere.
import { costsOf, dealRanks, stepCost } from '../collective/assignment.js';
import { limits } from '../error/limits.js';
import { formatMs } from '../format/number-text.js';
import { phaseOf } from '../job/job.js';
import { leaveOutAwaited } from './accusations.js';
import { releaseIdle } from './leavers.js';
import { pauseAll, requestChange } from './membership-change.js';
import { probeNewcomers } from './newcomers.js';
import { isKnownToBeReachable } from './reachable.js';
import { isOnOneNode, workersNeeded } from './plan.js';
import { ableWorkers, andThen, type CoordinatorState, membersOf, nameOf, type Transition } from './state.js';

/** Whether there are workers that should be members, or members that want to leave. */
function wantedChange(state: CoordinatorState, nowMs: number): string | undefined {
  if (state.membership.type !== 'running' && state.membership.type !== 'waiting') return undefined;
  const ids = new Set(membersOf(state.membership).map(({ workerId }) => workerId));
  const workers = ableWorkers(state, nowMs);
  const leaver = workers.find((worker) => worker.leaving && ids.has(worker.workerId));
  if (leaver) return `${nameOf(leaver)} leaves`;
  if (state.isTuning) return undefined;
  if (state.membership.type === 'waiting')
    return workers.filter((worker) => !worker.leaving).length >=
      workersNeeded(state.phase!.name, state.options.minWorkers)
      ? 'enough workers'
      : undefined;
  if (isOnOneNode(state.phase!.name)) return undefined;
  const newcomer = workers.find(
    (worker) => !worker.leaving && !ids.has(worker.workerId) && isKnownToBeReachable(state, worker),
  );
  return newcomer && `${nameOf(newcomer)} joins`;
}

export function changeIfWanted(state: CoordinatorState, nowMs: number): Transition {
  const probing = andThen(releaseIdle(state), (next) => probeNewcomers(next, nowMs));
  return andThen(probing, (next) => {
    const reason = wantedChange(next, nowMs);
    return reason === undefined
      ? { state: next, effects: [] }
      : requestChange(next, { reason, boundary: next.membership.type === 'running' }, nowMs);
  });
}

/** Links workers again that wait without progress: something between them was lost. */
export function relinkIfStalled(state: CoordinatorState, nowMs: number): Transition {
  const { membership } = state;
  if (
    membership.type !== 'running' &&
    membership.type !== 'starting' &&
    !(membership.type === 'pausing' && membership.boundary)
  )
    return { state, effects: [] };
  const ids = new Set(membersOf(membership).map(({ workerId }) => workerId));
  const members = [...state.workers.values()].filter(({ workerId }) => ids.has(workerId));
  const stuck = members.every(
    ({ beat, advancedMs }) => beat && !beat.busy && nowMs - advancedMs > limits.stallTimeoutMs,
  );
  if (!stuck || members.length === 0) return { state, effects: [] };
  if (membership.type === 'running' && members.every(({ beat }) => beat!.stage === 'finished'))
    return { state, effects: [] };
  return andThen(leaveOutAwaited(state, nowMs), (next) =>
    pauseAll(next, { reason: 'no member made progress', boundary: false }, nowMs),
  );
}

/** Moves ranks from slow to fast members, if that makes a step shorter by enough. */
export function rebalance(state: CoordinatorState, nowMs: number): Transition {
  const { membership } = state;
  if (membership.type !== 'running' || nowMs - state.dealtMs < limits.rebalanceIntervalMs)
    return { state, effects: [] };
  const beats = new Map([...state.workers.values()].map((worker) => [worker.workerId, worker.beat?.rankMs]));
  const costs = costsOf(membership.members.map(({ workerId }) => beats.get(workerId)));
  const { ranks } = phaseOf(state.options.job, state.phase!.name).schedule;
  const now = stepCost(
    membership.members.map(({ ranks: span }) => span),
    costs,
  );
  const after = stepCost(dealRanks(ranks, costs), costs);
  if (after > now * (1 - limits.rebalanceGain)) return { state, effects: [] };
  return requestChange(
    state,
    {
      reason: `ranks move: a step takes ${formatMs(now)} and would take ${formatMs(after)}`,
      boundary: true,
    },
    nowMs,
  );
}
