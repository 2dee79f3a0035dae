// What a worker's heartbeats say that it is doing: it works, or it waits for other members.
import type { Preparing, WorkerState } from './state.js';

/** Whether this worker is working, or else which members it waits for. */
export function occupation({ activity, building, loaded }: WorkerState): { busy: boolean; waitingFor: number[] } {
  switch (activity.type) {
    case 'idle':
      return { busy: !loaded || building !== undefined, waitingFor: [] };
    case 'preparing': {
      const { asked, greeted } = activity;
      const busy = building !== undefined || asked === 'adopt' || asked === 'hash' || !greeted;
      return { busy, waitingFor: busy ? [] : awaitedWhilePreparing(activity) };
    }
    case 'running':
      return activity.contributed
        ? { busy: false, waitingFor: activity.collective.waitingFor(activity.task === 'step' ? 'gradients' : 'values') }
        : { busy: true, waitingFor: [] };
    default:
      return { busy: false, waitingFor: [] };
  }
}

/** Members that are not linked with this one, or the one that this worker gets its state from. */
function awaitedWhilePreparing({ assembly, bytes, files, greeted, healedBy, members, self }: Preparing): number[] {
  if (!files) return [...members.keys()].filter((member) => member !== self && !greeted?.has(member));
  return assembly && !bytes && healedBy !== undefined ? [healedBy] : [];
}
