// When workers that want to leave may go: once no other worker needs their state.
import type { Plan } from './plan.js';
import { type CoordinatorEffect, type CoordinatorState, notify, send, type Transition, type Worker } from './state.js';

/**
 * A worker that leaves may go once no other needs its state. While training waits, a checkpoint must contain its state.
 */
export function releaseLeavers(state: CoordinatorState, plan: Plan): Transition {
  const needed = new Set(plan.type === 'resume' ? plan.members.map(({ workerId }) => workerId) : []);
  const leavers = [...state.workers.values()].filter(
    (worker) => worker.leaving && !needed.has(worker.workerId) && (plan.type === 'resume' || !holdsMore(state, worker)),
  );
  const workers = new Map(state.workers);
  for (const { link } of leavers) workers.delete(link);
  const effects = leavers.flatMap(({ link, workerId }): CoordinatorEffect[] => [
    send(link, { type: 'stop' }),
    notify({ type: 'left', workerId, reason: 'it was asked to leave, and has handed over' }),
  ]);
  return { state: { ...state, workers }, effects };
}

/** Whether a worker holds steps that no checkpoint has. */
const holdsMore = ({ history, phase }: CoordinatorState, { held }: Worker): boolean =>
  held !== undefined &&
  held.phase === phase?.name &&
  held.ops > Math.max(0, ...history.checkpoints.map(({ ops }) => ops));

/** While training waits for workers: the next worker that wants to leave, and has to hand over first. */
export const leaverToSave = (state: CoordinatorState): Worker | undefined =>
  state.membership.type === 'waiting'
    ? [...state.workers.values()].find((worker) => worker.leaving && holdsMore(state, worker))
    : undefined;

/**
 * Workers that want to leave and do not take part leave at once, unless they hold a state that is stored nowhere else.
 */
export function releaseIdle(state: CoordinatorState): Transition {
  const { membership } = state;
  switch (membership.type) {
    case 'waiting':
    case 'gathering':
      return releaseLeavers(state, { type: 'wait', reason: '' });
    case 'running':
      return releaseLeavers(state, {
        type: 'resume',
        ops: 0,
        members: membership.members,
        heals: [],
        checkpoint: undefined,
        reason: '',
      });
    default:
      return { state, effects: [] };
  }
}
