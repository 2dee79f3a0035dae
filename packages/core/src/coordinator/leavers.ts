// When workers that want to leave may go: once no other worker needs their state.
import { type CoordinatorEffect, type CoordinatorState, notify, send, type Transition, type Worker } from './state.js';

/**
 * A worker that leaves may go once no other needs its state.
 * @param members of the generation; undefined while training waits: then a checkpoint must contain the leaver's state
 */
export function releaseLeavers(
  state: CoordinatorState,
  members: readonly { readonly workerId: string }[] | undefined,
): Transition {
  const needed = new Set(members?.map(({ workerId }) => workerId));
  const leavers = [...state.workers.values()].filter(
    (worker) => worker.leaving && !needed.has(worker.workerId) && (members !== undefined || !holdsMore(state, worker)),
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
      return releaseLeavers(state, undefined);
    case 'running':
      return releaseLeavers(state, membership.members);
    default:
      return { state, effects: [] };
  }
}
