// When the times of a step are reported: once per phase on several workers. They change nothing.
import { limits } from '../error/limits.js';
import { isOnOneNode } from './plan.js';
import { type CoordinatorState, notify, type Transition } from './state.js';
import { stepTimes, type WorkerTimes } from './step-times.js';

/** Reports the times of a step, once all members of a phase know them. */
export function tellStepTimes(state: CoordinatorState): Transition {
  const { membership, phase, generation } = state;
  const isDue =
    phase &&
    membership.type === 'running' &&
    !isOnOneNode(phase.name) &&
    !phase.areTimesTold &&
    phase.step >= limits.stepsBeforeTimes;
  if (!isDue) return { state, effects: [] };
  const beats = new Map([...state.workers.values()].map((worker) => [worker.workerId, worker.beat]));
  const holders = membership.members.filter(({ ranks }) => ranks.hi > ranks.lo);
  const times = holders.flatMap(({ workerId, ranks }): WorkerTimes[] => {
    const beat = beats.get(workerId);
    if (beat?.generation !== generation || beat.rankMs === undefined || beat.exchangeMs === undefined) return [];
    return [{ workerId, ranks: ranks.hi - ranks.lo, rankMs: beat.rankMs, exchangeMs: beat.exchangeMs }];
  });
  if (holders.length < 2 || times.length < holders.length) return { state, effects: [] };
  return {
    state: { ...state, phase: { ...phase, areTimesTold: true } },
    effects: [notify({ type: 'stepTimes', phase: phase.name, times: stepTimes(times) })],
  };
}
