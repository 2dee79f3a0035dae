// Messages of a change of membership that a worker seems not to have received.
import { limits } from '../error/limits.js';
import type { ToWorker } from '../wire/messages.js';
import {
  type CoordinatorState,
  membersOf,
  type MembershipState,
  send,
  type Transition,
  updateWorkers,
  type Worker,
} from './state.js';

/** Repeats a message that a worker seems not to have received. */
export function remind(state: CoordinatorState, worker: Worker, nowMs: number): Transition {
  const { membership, generation } = state;
  const { beat } = worker;
  if (!beat || nowMs - worker.instructedMs < limits.resendMs) return { state, effects: [] };
  const message = reminder(membership, worker, { beat, generation });
  if (!message) return { state, effects: [] };
  return {
    state: updateWorkers(state, new Set([worker.workerId]), { instructedMs: nowMs }),
    effects: [send(worker.link, message)],
  };
}

function reminder(
  membership: MembershipState,
  worker: Worker,
  at: { beat: NonNullable<Worker['beat']>; generation: number },
): ToWorker | undefined {
  const { beat, generation } = at;
  const isMember = membersOf(membership).some(({ workerId }) => workerId === worker.workerId);
  if (membership.type === 'pausing' && !membership.acknowledged.has(worker.workerId) && worker.info)
    return { type: 'pause', generation, boundary: membership.boundary };
  if (
    membership.type === 'starting' &&
    isMember &&
    !membership.ready.has(worker.workerId) &&
    (beat.stage === 'paused' || beat.stage === 'ready')
  )
    return membership.resume;
  if (membership.type === 'running' && isMember && beat.stage === 'ready' && beat.generation === generation)
    return { type: 'start', generation };
  return undefined;
}
