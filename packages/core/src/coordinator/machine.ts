// What the coordinator decides on every event. A pure machine, except for its memory of which worker was sent which
// block. It is not on the step path: between `start` and `done` workers need it only for data blocks.
import { onReached } from './reachable.js';
import { limits } from '../error/limits.js';
import { tunedJob } from '../tune/space.js';
import type { ToCoordinator } from '../wire/messages.js';
import { chooseExcluded, onUnreachable } from './accusations.js';
import { BlockTracker } from './block-tracker.js';
import { checkpointIfDue, onCheckpointFailed, onCheckpointTaken, onCheckpointUnusable } from './checkpoints.js';
import { expel, noteUnreported, violationError, violationOf } from './conduct.js';
import { onCrashed, onFailed, onLost } from './failures.js';
import { phaseUnderWay } from './journal.js';
import { dropSilent, excuseSilence, noteSlow, noteStalling, onHeartbeat } from './liveness.js';
import { endOnceSaved, onInterrupt } from './interruption.js';
import { releaseIdle } from './leavers.js';
import { decideWhenAllAcknowledged, onPaused, onReady, requestChange } from './membership-change.js';
import { onProbed } from './newcomers.js';
import { finishIfDone, onDone, onEpoch, onModelSaved, onProgress, onTuned } from './phase-reports.js';
import { beginIfReady, onHello, onJoin } from './rendezvous.js';
import { tellStepTimes } from './timing.js';
import { changeIfWanted, rebalance, relinkIfStalled } from './wanted-change.js';
import {
  andThen,
  fence,
  type CoordinatorEvent,
  type CoordinatorOptions,
  type CoordinatorState,
  end,
  joinedWorkers,
  type MembershipState,
  send,
  type Transition,
  type Worker,
} from './state.js';

export function initialCoordinatorState(options: CoordinatorOptions, nowMs: number): CoordinatorState {
  const job = options.history.tuned ? tunedJob(options.job, options.history.tuned) : options.job;
  const membership: MembershipState =
    options.history.term > 0
      ? { type: 'adopting', untilMs: nowMs + limits.adoptionMs, reports: new Map() }
      : { type: 'gathering' };
  return {
    options: { ...options, job },
    startedMs: nowMs,
    nextWorker: 1,
    names: new Map(),
    workers: new Map(),
    generation: 0,
    membership,
    history: options.history,
    phase: undefined,
    checkpoint: { nextId: 1, pending: undefined, lastMs: nowMs, epochs: 0, failures: 0 },
    interruption: undefined,
    lost: new Map(),
    blocks: new BlockTracker(),
    accusations: [],
    linked: new Set(),
    breaks: new Map(),
    quarantines: new Map(),
    nextProbe: 1,
    expelled: new Set(),
    refusals: { sinceMs: nowMs, count: 0 },
    isTuning: false,
    dealtMs: nowMs,
    tickedMs: nowMs,
    ended: false,
  };
}

export function coordinatorTransition(state: CoordinatorState, event: CoordinatorEvent, nowMs: number): Transition {
  // A coordinator that is fenced off while it ends must not stop the workers of its successor.
  if (state.ended && event.type !== 'fenced') return onEventAfterEnd(state, event);
  switch (event.type) {
    case 'message':
      return onMessage(state, event.link, event.message, nowMs);
    case 'broken': {
      const worker = state.workers.get(event.link);
      if (!worker)
        return {
          state,
          effects: [send(event.link, { type: 'rejected', error: event.error }), { type: 'close', link: event.link }],
        };
      return expel(state, worker, violationError(worker, event.error.message), nowMs);
    }
    case 'closed':
      return onLost(state, event.link, event.reason || 'its connection closed', nowMs);
    case 'interrupt':
      return onInterrupt(state, event.error, nowMs);
    case 'crashed':
      return onCrashed(state, event);
    case 'modelSaved':
      return andThen(onModelSaved(state, event.blob, nowMs), (saved) =>
        requestChange(saved, { reason: 'the phase is done', boundary: false }, nowMs),
      );
    case 'checkpointTaken':
      return andThen(andThen(onCheckpointTaken(state, event), releaseIdle), (next) => endOnceSaved(next, nowMs));
    case 'checkpointFailed':
      return andThen(onCheckpointFailed(state, event), (next) => endOnceSaved(next, nowMs));
    case 'checkpointUnusable':
      return andThen(onCheckpointUnusable(state, event), (next) =>
        requestChange(next, { reason: 'a checkpoint cannot be used', boundary: false }, nowMs),
      );
    case 'tuned':
      return andThen(onTuned(state, event.values), (next) =>
        requestChange(next, { reason: 'the student is tuned', boundary: false }, nowMs),
      );
    case 'fenced':
      return fence(state, event.term);
    case 'tick':
      return onTick(state, nowMs);
  }
}

function onEventAfterEnd(state: CoordinatorState, event: CoordinatorEvent): Transition {
  if (event.type !== 'message' || event.message.type !== 'hello') return { state, effects: [] };
  // The worker must look for the coordinator that took over.
  if (state.ended === 'fenced') return { state, effects: [{ type: 'close', link: event.link }] };
  // A worker that comes late is sent away instead of left waiting.
  const error = { code: 'RUN_OVER', message: 'the run is over' } as const;
  return { state, effects: [send(event.link, { type: 'rejected', error }), { type: 'close', link: event.link }] };
}

function onMessage(state: CoordinatorState, link: number, message: ToCoordinator, nowMs: number): Transition {
  if (message.type === 'hello') return onHello(state, link, message, nowMs);
  // States for checkpoints come over separate links.
  if (message.type === 'upload') return { state, effects: [{ type: 'receiveUpload', link, upload: message }] };
  if (message.type === 'statePart') return { state, effects: [{ type: 'receivePart', link, part: message }] };
  const known = state.workers.get(link);
  if (!known) return { state, effects: [{ type: 'close', link }] };
  const violation = violationOf(state, known, message);
  if (violation !== undefined) return expel(state, known, violationError(known, violation), nowMs);
  const worker: Worker = { ...known, heardMs: nowMs, silenceNoted: false };
  const heard = { ...state, workers: new Map(state.workers).set(link, worker) };
  switch (message.type) {
    case 'heartbeat':
      return onHeartbeat(heard, worker, message, nowMs);
    case 'getBlock':
      return onGetBlock(heard, worker, message);
    case 'join':
      return onJoin(heard, worker, message, nowMs);
    case 'leaving':
      return changeIfWanted(
        { ...heard, workers: new Map(heard.workers).set(link, { ...worker, leaving: true }) },
        nowMs,
      );
    case 'failed':
      return onFailed(heard, worker, message, nowMs);
    case 'paused':
      return onPaused(heard, worker, message, nowMs);
    case 'ready':
      return andThen(onReady(heard, worker, message, nowMs), (next) =>
        next.ended ? { state: next, effects: [] } : changeIfWanted(next, nowMs),
      );
    case 'unreachable':
      return onUnreachable(heard, worker, message, nowMs);
    case 'reached':
      return onReached(heard, worker, message);
    case 'probed':
      return andThen(onProbed(heard, worker, message, nowMs), (next) => changeIfWanted(next, nowMs));
    case 'progress':
      return onProgress(heard, worker, message);
    case 'epoch':
      return andThen(onEpoch(heard, worker, message, nowMs), (next) => finishIfDone(next, nowMs));
    case 'done':
      return andThen(onDone(heard, worker, message), (next) => finishIfDone(next, nowMs));
  }
}

/** Names a worker that was sent the bytes before, unless the coordinator itself must send them. */
function onGetBlock(
  state: CoordinatorState,
  { link, info }: Worker,
  { hash, direct }: ToCoordinator & { type: 'getBlock' },
): Transition {
  const asker = info?.meshAddress;
  if (asker !== undefined) {
    const there = new Set(joinedWorkers(state).map((worker) => worker.info!.meshAddress));
    const meshAddress = direct ? undefined : state.blocks.refer(hash, asker, (address) => there.has(address));
    if (meshAddress !== undefined) return { state, effects: [send(link, { type: 'blockAt', hash, meshAddress })] };
    state.blocks.sent(hash, asker);
  }
  return { state, effects: [{ type: 'sendBlock', link, hash }] };
}

function onTick(before: CoordinatorState, nowMs: number): Transition {
  const saving = endOnceSaved(excuseSilence(before, nowMs), nowMs);
  return saving.state.ended ? saving : andThen(saving, (state) => doDuties(state, nowMs));
}

function doDuties(state: CoordinatorState, nowMs: number): Transition {
  const { membership, options } = state;
  // An earlier coordinator died between the last phase and the end of the run.
  if (membership.type === 'adopting' && phaseUnderWay(state.history, options.job.recipe) === undefined)
    return end(state, undefined);
  if (membership.type === 'gathering' && nowMs - state.startedMs > options.joinTimeoutMs) {
    return end(state, {
      code: 'WORKERS_MISSING',
      message:
        `${joinedWorkers(state).length} of ${options.workers} workers joined within ` +
        `${options.joinTimeoutMs / 1000} s`,
    });
  }
  // The disk had no space for the model; it may have now.
  if (membership.type === 'saving')
    return {
      state,
      effects: [{ type: 'saveModel', phase: membership.record.phase, model: membership.model, lastGood: false }],
    };
  const duties = [
    noteUnreported,
    dropSilent,
    beginIfReady,
    decideWhenAllAcknowledged,
    chooseExcluded,
    relinkIfStalled,
    noteSlow,
    noteStalling,
    tellStepTimes,
    rebalance,
    checkpointIfDue,
  ];
  return duties.reduce<Transition>(
    (transition, duty) => (transition.state.ended ? transition : andThen(transition, (next) => duty(next, nowMs))),
    { state, effects: [] },
  );
}
