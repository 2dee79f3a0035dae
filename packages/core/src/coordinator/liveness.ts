// Signs of life from workers: heartbeats, silence, stalls and slowness.
import { limits } from '../error/limits.js';
import { onLost } from './failures.js';
import { remind } from './reminder.js';
import { welcome } from './rendezvous.js';
import {
  andThen,
  type CoordinatorEffect,
  type CoordinatorState,
  type Heartbeat,
  notify,
  send,
  type Transition,
  type Worker,
} from './state.js';

export function onHeartbeat(state: CoordinatorState, worker: Worker, beat: Heartbeat, nowMs: number): Transition {
  const { beat: last } = worker;
  const advanced =
    !last ||
    beat.busy ||
    last.progress !== beat.progress ||
    last.stage !== beat.stage ||
    last.generation !== beat.generation;
  const progressed = !last || last.progress !== beat.progress;
  const next: Worker = {
    ...worker,
    beat,
    advancedMs: advanced ? nowMs : worker.advancedMs,
    ...(progressed ? { progressedMs: nowMs, stallNoted: false } : {}),
  };
  const heard: CoordinatorState = { ...state, workers: new Map(state.workers).set(worker.link, next) };
  const { phase } = state;
  const answer = send(worker.link, {
    type: 'heartbeat',
    epochs: phase?.epochs.length ?? 0,
    done: phase?.done.has(worker.workerId) ?? false,
    ...(phase ? { phase: phase.name } : {}),
  });
  const answered: Transition = { state: heard, effects: [answer] };
  // It has an engine but has not joined: its message or the welcome was lost.
  if (!next.info && !beat.busy && nowMs - next.instructedMs > limits.resendMs)
    return andThen(answered, (after) => welcome(after, next));
  return andThen(answered, (after) => remind(after, next, nowMs));
}

/** A coordinator that was asleep has not read what workers sent meanwhile, so their silence is excused. */
export function excuseSilence(state: CoordinatorState, nowMs: number): CoordinatorState {
  const hasListened = nowMs - state.tickedMs < limits.silenceNoticeMs;
  const ticked = { ...state, tickedMs: nowMs };
  return hasListened
    ? ticked
    : {
        ...ticked,
        workers: new Map(
          [...state.workers].map(([link, worker]) => [link, { ...worker, heardMs: nowMs, advancedMs: nowMs }]),
        ),
      };
}

/** Names workers without a heartbeat; after a while they count as lost. */
export function dropSilent(state: CoordinatorState, nowMs: number): Transition {
  const silent = [...state.workers.values()].filter(({ heardMs }) => nowMs - heardMs > limits.silenceNoticeMs);
  return silent.reduce<Transition>(
    (transition, worker) => andThen(transition, (next) => onSilent(next, worker, nowMs)),
    {
      state,
      effects: [],
    },
  );
}

function onSilent(state: CoordinatorState, worker: Worker, nowMs: number): Transition {
  const { heartbeatTimeoutMs } = state.options;
  const silentMs = nowMs - worker.heardMs;
  if (silentMs > heartbeatTimeoutMs) {
    return andThen({ state, effects: [{ type: 'close', link: worker.link }] }, (next) =>
      onLost(next, worker.link, `no heartbeat for ${heartbeatTimeoutMs / 1000} s`, nowMs),
    );
  }
  if (worker.silenceNoted) return { state, effects: [] };
  return {
    state: { ...state, workers: new Map(state.workers).set(worker.link, { ...worker, silenceNoted: true }) },
    effects: [notify({ type: 'silent', workerId: worker.workerId, silentMs })],
  };
}

/** Names a member that works without progress while others wait for it. */
export function noteStalling(state: CoordinatorState, nowMs: number): Transition {
  if (state.membership.type !== 'running') return { state, effects: [] };
  const { members } = state.membership;
  const byId = new Map([...state.workers.values()].map((worker) => [worker.workerId, worker]));
  const workers = new Map(state.workers);
  const effects: CoordinatorEffect[] = [];
  for (const [index, { workerId }] of members.entries()) {
    const worker = byId.get(workerId);
    const waiting = members
      .filter((member) => byId.get(member.workerId)?.beat?.waitingFor.includes(index))
      .map((member) => member.workerId);
    if (
      !worker?.beat?.busy ||
      worker.stallNoted ||
      waiting.length === 0 ||
      nowMs - worker.progressedMs < limits.stallTimeoutMs
    )
      continue;
    workers.set(worker.link, { ...worker, stallNoted: true });
    effects.push(notify({ type: 'stalling', workerId, forMs: nowMs - worker.progressedMs, waiting }));
  }
  return { state: { ...state, workers }, effects };
}

/** Names a member that takes several times as long as the median member and so holds up the others. */
const slownessFactor = 2;

export function noteSlow(state: CoordinatorState): Transition {
  if (state.membership.type !== 'running') return { state, effects: [] };
  const ids = new Set(state.membership.members.map(({ workerId }) => workerId));
  const timed = [...state.workers.values()].flatMap((worker) =>
    ids.has(worker.workerId) && worker.beat?.rankMs !== undefined ? [{ worker, rankMs: worker.beat.rankMs }] : [],
  );
  if (timed.length < 2) return { state, effects: [] };
  const times = timed.map(({ rankMs }) => rankMs).toSorted((a, b) => a - b);
  const typicalMs = times[(times.length - 1) >> 1]!;
  const workers = new Map(state.workers);
  const effects: CoordinatorEffect[] = [];
  for (const { worker, rankMs } of timed) {
    const isSlow = rankMs > slownessFactor * typicalMs;
    if (isSlow !== worker.slownessNoted) workers.set(worker.link, { ...worker, slownessNoted: isSlow });
    if (isSlow && !worker.slownessNoted)
      effects.push(notify({ type: 'slow', workerId: worker.workerId, rankMs, typicalMs }));
  }
  return { state: { ...state, workers }, effects };
}
