// Whether a newcomer and the members can reach each other is tried before anyone pauses for it.
import { limits } from '../error/limits.js';
import type { ToCoordinator } from '../wire/messages.js';
import { quarantine } from './accusations.js';
import { isOnOneNode } from './plan.js';
import { isKnownToBeReachable } from './reachable.js';
import {
  ableWorkers,
  andThen,
  type CoordinatorState,
  joinedWorkers,
  membersOf,
  type Probe,
  reachOf,
  send,
  type Transition,
  updateWorkers,
  type Worker,
} from './state.js';

function hasFailed({ probe, workerId }: Worker): boolean {
  if (!probe) return false;
  const members = probe.asked.filter((asked) => asked !== workerId);
  return (
    probe.answers.get(workerId) === false ||
    2 * members.filter((asked) => probe.answers.get(asked) === false).length > members.length
  );
}

/** Asks members and newcomers to try to reach each other, and again if answers do not come. */
export function probeNewcomers(state: CoordinatorState, nowMs: number): Transition {
  const { membership, phase } = state;
  if (membership.type !== 'running' || !phase || isOnOneNode(phase.name)) return { state, effects: [] };
  const ids = new Set(membersOf(membership).map(({ workerId }) => workerId));
  const due = ableWorkers(state, nowMs).filter(
    (worker) =>
      !ids.has(worker.workerId) &&
      !worker.leaving &&
      !isKnownToBeReachable(state, worker) &&
      (!worker.probe || nowMs - worker.probe.sinceMs >= limits.probeMs),
  );
  const members = joinedWorkers(state)
    .filter(({ workerId }) => ids.has(workerId))
    .slice(0, limits.probingMembers);
  return due.reduce<Transition>(
    (transition, newcomer) => andThen(transition, (next) => begin(next, { newcomer, members }, nowMs)),
    { state, effects: [] },
  );
}

function begin(
  state: CoordinatorState,
  { newcomer, members }: { newcomer: Worker; members: readonly Worker[] },
  nowMs: number,
): Transition {
  const id = state.nextProbe;
  const asked = [...members, newcomer].map(({ workerId }) => workerId);
  const probe: Probe = { id, sinceMs: nowMs, asked, answers: new Map() };
  return {
    state: updateWorkers({ ...state, nextProbe: id + 1 }, new Set([newcomer.workerId]), { probe }),
    effects: [
      ...members.map(({ link }) => send(link, { type: 'probe', id, workers: [reachOf(newcomer.info!)] })),
      send(newcomer.link, { type: 'probe', id, workers: members.map(({ info }) => reachOf(info!)) }),
    ],
  };
}

/** An answer: a newcomer that cannot be reached, or cannot reach most members, is left out for a while. */
export function onProbed(
  state: CoordinatorState,
  worker: Worker,
  { id, reached }: ToCoordinator & { type: 'probed' },
  nowMs: number,
): Transition {
  const newcomer = joinedWorkers(state).find(({ probe }) => probe?.id === id);
  if (!newcomer?.probe?.asked.includes(worker.workerId)) return { state, effects: [] };
  const isItself = newcomer.workerId === worker.workerId;
  const wanted = isItself ? (newcomer.probe.asked.length - 1) / 2 : 1;
  const answers = new Map(newcomer.probe.answers).set(worker.workerId, reached >= wanted);
  const probed: Worker = { ...newcomer, probe: { ...newcomer.probe, answers } };
  const next = { ...state, workers: new Map(state.workers).set(newcomer.link, probed) };
  if (!hasFailed(probed)) return { state: next, effects: [] };
  const { workerId } = newcomer;
  return quarantine(
    updateWorkers(next, new Set([workerId]), { probe: undefined }),
    { workerId, reason: 'it and most members cannot reach each other' },
    nowMs,
  );
}
