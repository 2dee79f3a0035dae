// What a worker decides: a pure machine. An event goes in, the next state and the effects to perform come out.
// The shell (packages/worker) performs effects and decides nothing. docs/protocol.md shows the states.
import { initialTraining } from '../wire/training-state.js';
import type { FrameHeader } from '../collective/frames.js';
import { StillhouseError, type ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import type { ToWorker } from '../wire/messages.js';
import { noDurations } from './durations.js';
import {
  isAdoptingState,
  onAdopted,
  onBuilt,
  onPause,
  onPreparing,
  onResume,
  onStart,
  takesState,
} from './entering.js';
import { onFailed, sendFailure } from './failing.js';
import {
  greet,
  missingReports,
  onCoordinatorLost,
  onHeartbeatDue,
  onLeave,
  onLoaded,
  onUnreachable,
  onWelcome,
  stop,
} from './link.js';
import { forgetRoute } from './routes.js';
import { doneMessage, onComputed, onEvaluated, onOpFrame, onStepped, onSummed, park } from './running.js';
import {
  send,
  type Activity,
  type Result,
  type Transition,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerIdentity,
  type WorkerState,
} from './state.js';

export function initialWorkerState(identity: WorkerIdentity, nowMs: number): WorkerState {
  return {
    identity,
    link: 'down',
    heardMs: nowMs,
    beatMs: nowMs,
    awaySinceMs: nowMs,
    workerId: '',
    term: 0,
    job: undefined,
    loaded: undefined,
    building: undefined,
    built: undefined,
    training: undefined,
    generation: 0,
    boundary: undefined,
    routes: [],
    activity: { type: 'idle' },
    leaving: false,
    lastProgressMs: -Infinity,
    progress: 0,
    rankMs: undefined,
    exchange: undefined,
    timedSteps: 0,
    computedMs: -Infinity,
    dataMs: undefined,
    dataWaits: noDurations,
    exposures: noDurations,
  };
}

/** @param nowMs the clock, only for pacing and patience: it cannot change what is computed */
export function workerTransition(state: WorkerState, event: WorkerEvent, nowMs: number): Transition {
  if (state.activity.type === 'stopped') return { state, effects: [] };
  switch (event.type) {
    case 'opened':
      return greet({ ...state, link: 'greeting', heardMs: nowMs });
    case 'unreachable':
      return onUnreachable(state, event.error, nowMs);
    case 'coordinatorLost':
      return onCoordinatorLost(state, event.reason, nowMs);
    case 'message':
      return onMessage({ ...state, heardMs: nowMs }, event.message);
    case 'heartbeatDue':
      return onHeartbeatDue(state, nowMs);
    case 'leave':
      return onLeave(state);
    case 'failed':
      return onFailed(state, event.error);
    case 'probed':
      return { state, effects: [send({ type: 'probed', id: event.id, reached: event.reached })] };
    case 'loaded':
      return onLoaded({ ...state, loaded: event });
    case 'built':
      return onBuilt({
        ...state,
        building: undefined,
        built: event,
        training: initialTraining(event.phase.name),
        dataWaits: noDurations,
        exposures: noDurations,
        progress: state.progress + 1,
      });
    case 'adopted':
      return onAdopted({ ...state, training: event.training, progress: state.progress + 1 }, event);
    case 'peerLost': {
      const lost = onResult({ ...state, progress: state.progress + 1 }, event, nowMs);
      return { ...lost, effects: [...forgetRoute(state, event), ...lost.effects] };
    }
    default:
      return onResult({ ...state, progress: state.progress + 1 }, event, nowMs);
  }
}

/**
 * Where the numbers of a frame belong that another member begins to send; undefined if nobody wants them.
 * @throws StillhouseError PROTOCOL_VIOLATION if this member may not send it at this point
 */
export function placeOfFrame(
  { activity }: WorkerState,
  { generation, from, header }: { generation: number; from: number; header: FrameHeader },
): Uint8Array | undefined {
  if (!('generation' in activity) || activity.generation !== generation) return undefined;
  if (header.type !== 'state') return 'collective' in activity ? activity.collective.place(from, header) : undefined;
  if (activity.type !== 'preparing' || !takesState(activity, from)) return undefined;
  if (header.count > limits.statePartBytes)
    throw new StillhouseError('PROTOCOL_VIOLATION', `a part of a training state has ${header.count} bytes`);
  return new Uint8Array(header.count);
}

/** Answers to effects, and frames; both belong to a generation. */
function onResult(state: WorkerState, event: Result, nowMs: number): Transition {
  const { activity } = state;
  const isMember =
    activity.type === 'preparing' ||
    activity.type === 'ready' ||
    activity.type === 'running' ||
    activity.type === 'finished';
  if (activity.type === 'failing' && event.type === 'exported')
    return sendFailure(state, { ...activity.message, lastGood: event.model });
  if (!isMember || event.generation !== activity.generation) return { state, effects: [] };
  if (event.type === 'peerLost') return onPeerLost(state, activity, event);
  if (event.type === 'frame') return onFrame(state, activity, event, nowMs);
  if (activity.type === 'preparing') return onPreparing(state, activity, event);
  switch (event.type) {
    case 'stepped':
      return onStepped(state, activity, nowMs);
    case 'summed':
      return onSummed(state, activity, event);
    case 'computed':
      return onComputed(state, activity, event, nowMs);
    case 'evaluated':
      return onEvaluated(state, activity, event, nowMs);
    case 'exported':
      return { state, effects: [send({ ...doneMessage(state), model: event.model })] };
    default:
      return { state, effects: [] };
  }
}

type Member = Extract<Activity, { type: 'preparing' | 'ready' | 'running' | 'finished' }>;

function onPeerLost(state: WorkerState, { members }: Member, event: WorkerEvent & { type: 'peerLost' }): Transition {
  const { generation, from, linking, reason } = event;
  return park(state, `the link with worker ${members[from]?.workerId} broke`, [
    send({ type: 'unreachable', generation, peer: from, linking, reason }),
  ]);
}

/** A peer whose frames do not fit is like one that cannot be reached: this worker has not failed. */
function onFrame(
  state: WorkerState,
  activity: Member,
  event: WorkerEvent & { type: 'frame' },
  nowMs: number,
): Transition {
  try {
    return activity.type === 'preparing'
      ? onPreparing(state, activity, event)
      : onOpFrame(state, activity, event, nowMs);
  } catch (error) {
    if (!(error instanceof StillhouseError) || error.code !== 'PROTOCOL_VIOLATION') throw error;
    const { from, generation } = event;
    return onPeerLost(state, activity, { type: 'peerLost', generation, from, linking: true, reason: error.message });
  }
}

/** Messages from the coordinator; each may arrive twice, or late. */
function onMessage(state: WorkerState, message: ToWorker): Transition {
  switch (message.type) {
    case 'welcome':
      return onWelcome(state, message);
    case 'pause':
      return onPause(state, message);
    case 'resume':
      return onResume(state, message);
    case 'start':
      return onStart(state, message.generation);
    case 'heartbeat':
      return { state, effects: missingReports(state, message) };
    case 'probe':
      return { state, effects: [{ type: 'probe', id: message.id, workers: message.workers }] };
    case 'capture':
      return { state, effects: capture(state, message) };
    case 'rejected':
      // A coordinator that ended while this worker was away sends nothing more.
      return stop(state, message.error as ErrorRecord);
    case 'stop':
      return stop(state, message.error as ErrorRecord | undefined);
    case 'block':
    case 'blockAt':
    case 'nextPart':
      return { state, effects: [] };
  }
}

function capture(state: WorkerState, { id, key }: ToWorker & { type: 'capture' }): WorkerEffect[] {
  if (!state.training || state.activity.type === 'preparing' || isAdoptingState(state.activity)) return [];
  return [{ type: 'captureState', id, key, training: state.training }];
}
