// Which of two workers is left out when they cannot reach each other: a vote.
import { limits } from '../error/limits.js';
import type { ToCoordinator } from '../wire/messages.js';
import { pauseAll, requestChange } from './membership-change.js';
import { type CoordinatorState, membersOf, notify, type Transition, updateWorkers, type Worker } from './state.js';

/**
 * A worker cannot reach another. If it could before, they are linked again; if not, one of them is left out for a
 * while.
 */
export function onUnreachable(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'unreachable' },
  nowMs: number,
): Transition {
  const { membership } = state;
  if (message.generation !== state.generation || (membership.type !== 'running' && membership.type !== 'starting'))
    return { state, effects: [] };
  const accused = membership.members[message.peer];
  if (!accused || accused.workerId === worker.workerId) return { state, effects: [] };
  if (!message.linking)
    return requestChange(
      state,
      {
        reason: `the link between ${worker.workerId} and ${accused.workerId} broke: ${message.reason}`,
        boundary: false,
      },
      nowMs,
    );
  return {
    state: {
      ...state,
      accusations: [...state.accusations, { by: worker.workerId, of: accused.workerId, atMs: nowMs }].slice(
        -limits.workerCount,
      ),
    },
    effects: [],
  };
}

/** Leaves out the worker that most others cannot reach; of two that accuse each other, the one that joined later. */
export function chooseExcluded(state: CoordinatorState, nowMs: number): Transition {
  const [first] = state.accusations;
  if (!first || nowMs - first.atMs < limits.accusationMs) return { state, effects: [] };
  const ids = membersOf(state.membership).map(({ workerId }) => workerId);
  const votes = (workerId: string): number =>
    new Set(state.accusations.flatMap(({ by, of }) => (of === workerId ? by : by === workerId ? of : []))).size;
  const guilty = ids.toSorted((a, b) => votes(b) - votes(a) || ids.indexOf(b) - ids.indexOf(a))[0];
  if (guilty === undefined) return { state, effects: [] };
  const out = updateWorkers(state, new Set([guilty]), { quarantinedUntilMs: nowMs + limits.quarantineMs });
  const pausing = pauseAll(out, { reason: `${guilty} and others cannot reach each other`, boundary: false }, nowMs);
  return {
    ...pausing,
    effects: [
      notify({
        type: 'excluded',
        workerId: guilty,
        reason: 'it and other workers cannot reach each other',
        forMs: limits.quarantineMs,
      }),
      ...pausing.effects,
    ],
  };
}
