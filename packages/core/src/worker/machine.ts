// What a worker decides: a pure machine. An event goes in, the next state and the effects to perform come out.
// The shell (packages/worker) performs effects and decides nothing. docs/protocol.md shows the states.
import { invariant, StillhouseError, type ErrorRecord } from '../error/errors.js';
import { phaseOf } from '../job/job.js';
import type { PhaseName } from '../job/phase-name.js';
import { limits } from '../error/limits.js';
import { tunedJob } from '../tune/space.js';
import { Collective } from '../collective/collective.js';
import { slotsPerRank } from '../collective/flat-layout.js';
import { protocolVersion, type ToWorker } from '../wire/messages.js';
import { StateAssembly } from '../wire/training-file.js';
import { initialTraining } from '../wire/training-state.js';
import {
  acknowledge,
  beginTask,
  doneMessage,
  failNotFinite,
  onComputed,
  onEvaluated,
  onOpFrame,
  park,
  report,
  send,
} from './running.js';
import type {
  Activity,
  Preparing,
  Running,
  WorkerEffect,
  WorkerEvent,
  WorkerIdentity,
  WorkerState,
  Transition,
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
    activity: { type: 'idle' },
    leaving: false,
    lastProgressMs: -Infinity,
    progress: 0,
    rankMs: undefined,
    timedSteps: 0,
    computedMs: -Infinity,
    waitedMs: 0,
  };
}

const violation = (message: string): StillhouseError => new StillhouseError('PROTOCOL_VIOLATION', message);

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
    case 'loaded':
      return onLoaded({ ...state, loaded: event });
    case 'built':
      return onBuilt({
        ...state,
        building: undefined,
        built: event,
        training: initialTraining(event.phase.name),
        waitedMs: 0,
        progress: state.progress + 1,
      });
    case 'adopted':
      return onAdopted({ ...state, training: event.training, progress: state.progress + 1 }, event);
    default:
      return onResult({ ...state, progress: state.progress + 1 }, event, nowMs);
  }
}

type Result = Exclude<
  WorkerEvent,
  {
    type:
      | 'opened'
      | 'unreachable'
      | 'coordinatorLost'
      | 'message'
      | 'heartbeatDue'
      | 'leave'
      | 'failed'
      | 'loaded'
      | 'built'
      | 'adopted';
  }
>;

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
  if (event.type === 'peerLost') {
    const { generation, from, linking, reason } = event;
    return park(state, `the link with worker ${activity.members[from]?.workerId} broke`, [
      send({ type: 'unreachable', generation, peer: from, linking, reason }),
    ]);
  }
  if (activity.type === 'preparing') return onPreparing(state, activity, event);
  switch (event.type) {
    case 'computed':
      return onComputed(state, activity, event, nowMs);
    case 'evaluated':
      return onEvaluated(state, activity, event, nowMs);
    case 'frame':
      return onOpFrame(state, activity, event, nowMs);
    case 'exported':
      return { state, effects: [send({ ...doneMessage(state), model: event.model })] };
    default:
      return { state, effects: [] };
  }
}

// The link with the coordinator.

function greet(state: WorkerState): Transition {
  const { version, token, host, instance } = state.identity;
  return {
    state,
    effects: [
      send({
        type: 'hello',
        protocol: protocolVersion,
        version,
        token,
        host,
        instance,
        term: state.term,
        ...(state.job ? { runId: state.job.runId, workerId: state.workerId } : {}),
      }),
    ],
  };
}

function stop(state: WorkerState, error: ErrorRecord | undefined): Transition {
  return {
    state: { ...state, activity: { type: 'stopped' } },
    effects: [
      { type: 'unlink', before: Infinity },
      { type: 'exit', error },
    ],
  };
}

function onUnreachable(state: WorkerState, error: ErrorRecord, nowMs: number): Transition {
  const awayMs = nowMs - state.awaySinceMs;
  // Coordinator and workers are often started together; a worker that has already trained deserves more patience.
  const patienceMs = state.job ? state.identity.patienceMs : limits.connectPatienceMs;
  if (awayMs < patienceMs && !state.leaving)
    return { state, effects: [{ type: 'connect', delayMs: limits.connectPauseMs }] };
  return stop(
    state,
    state.job
      ? {
          code: 'COORDINATOR_LOST',
          message: `the coordinator has been away for ${Math.round(awayMs / 1000)} s: ${error.message}`,
        }
      : error,
  );
}

function onCoordinatorLost(state: WorkerState, reason: string, nowMs: number): Transition {
  const lost: WorkerState = { ...state, link: 'down', awaySinceMs: state.link === 'up' ? nowMs : state.awaySinceMs };
  if (state.leaving) return stop(lost, undefined);
  if (state.identity.patienceMs > 0)
    return { state: lost, effects: [{ type: 'connect', delayMs: state.job ? 0 : limits.connectPauseMs }] };
  return stop(lost, {
    code: 'COORDINATOR_LOST',
    message: `the connection to the coordinator closed: ${reason || 'no reason given'}`,
  });
}

function onHeartbeatDue(before: WorkerState, nowMs: number): Transition {
  // A worker that was busy or asleep has not yet read what was sent meanwhile.
  const hasListened = nowMs - before.beatMs < limits.silenceNoticeMs;
  const state: WorkerState = { ...before, beatMs: nowMs, ...(hasListened ? {} : { heardMs: nowMs }) };
  if (state.link === 'down') return { state, effects: [] };
  if (nowMs - state.heardMs > state.identity.heartbeatTimeoutMs) {
    const lost = onCoordinatorLost(state, `no heartbeat for ${state.identity.heartbeatTimeoutMs / 1000} s`, nowMs);
    return { ...lost, effects: [{ type: 'disconnect' }, ...lost.effects] };
  }
  if (state.link === 'greeting') return greet(state);
  const { activity, generation, progress } = state;
  // The first steps say little, and an old measurement says nothing, so a spare is eventually tried again.
  const isMeasured =
    state.timedSteps >= limits.timedStepsNeeded && nowMs - state.computedMs <= limits.measurementKeptMs;
  const rankMs = isMeasured ? state.rankMs : undefined;
  if (activity.type === 'stopped') return { state, effects: [] };
  const { busy, waitingFor } = occupation(state);
  return {
    state,
    effects: [
      send({
        type: 'heartbeat',
        generation,
        stage: activity.type,
        busy,
        progress,
        waitingFor,
        ...(rankMs === undefined ? {} : { rankMs }),
      }),
    ],
  };
}

/** Whether this worker is working, or else which members it waits for. */
function occupation({ activity, building, loaded }: WorkerState): { busy: boolean; waitingFor: number[] } {
  switch (activity.type) {
    case 'idle':
      return { busy: !loaded || building !== undefined, waitingFor: [] };
    case 'preparing':
      return {
        busy: building !== undefined || activity.asked === 'adopt' || activity.asked === 'hash',
        waitingFor: [],
      };
    case 'running':
      return activity.contributed
        ? { busy: false, waitingFor: activity.collective.waitingFor(activity.task === 'step' ? 'gradients' : 'values') }
        : { busy: true, waitingFor: [] };
    default:
      return { busy: false, waitingFor: [] };
  }
}

function onLeave(state: WorkerState): Transition {
  if (state.link !== 'up' || !state.loaded) return stop(state, undefined);
  return { state: { ...state, leaving: true }, effects: [send({ type: 'leaving' })] };
}

/** Reports the newest failure again to a coordinator that comes back. */
function sendFailure(state: WorkerState, message: (Activity & { type: 'failing' })['message']): Transition {
  return { state: { ...state, activity: { type: 'failing', message } }, effects: [send(message)] };
}

function onFailed(state: WorkerState, error: ErrorRecord): Transition {
  const { activity } = state;
  if (activity.type === 'failing') return { state, effects: [] };
  if (error.code === 'LOSS_NOT_FINITE' && (activity.type === 'running' || activity.type === 'finished'))
    return failNotFinite(state, activity, { error });
  const [only, ...others] = activity.type === 'running' ? activity.ranks : [];
  const rank = others.length === 0 ? only?.rank : undefined;
  return sendFailure(state, {
    type: 'failed',
    error,
    ...(state.training ? { step: state.training.step } : {}),
    ...(rank === undefined ? {} : { rank }),
  });
}

// Messages from the coordinator. Each may arrive twice, or late.

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
      return { state, effects: missing(state, message) };
    case 'capture':
      return { state, effects: capture(state, message.id) };
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

function onWelcome(state: WorkerState, message: ToWorker & { type: 'welcome' }): Transition {
  const { workerId, term, job, meshToken, phase } = message;
  const welcomed: WorkerState = { ...state, link: 'up', workerId, term };
  if (state.loaded) return join(welcomed);
  if (state.job) return { state: welcomed, effects: [] };
  return { state: { ...welcomed, job, building: phase }, effects: [{ type: 'load', job, meshToken }] };
}

function onLoaded(state: WorkerState): Transition {
  // A run in progress must not wait while this worker builds its model.
  if (state.building !== undefined)
    return {
      state,
      effects: [{ type: 'build', phase: phaseOf(state.job!, state.building as PhaseName), teacher: undefined }],
    };
  return state.link === 'up' ? join(state) : { state, effects: [] };
}

function join(state: WorkerState): Transition {
  if (state.building !== undefined && state.activity.type === 'idle') return { state, effects: [] };
  const { fingerprint, choice, meshAddress } = state.loaded!;
  const { activity, generation, training, leaving } = state;
  const running = activity.type === 'running' || activity.type === 'finished' ? activity.members : undefined;
  const held = training && { phase: training.phase, ops: training.ops };
  const joined = send({
    type: 'join',
    fingerprint,
    choice,
    meshAddress,
    generation,
    leaving,
    ...(held ? { held } : {}),
    ...(running ? { running: [...running] } : {}),
  });
  if (activity.type === 'failing') return { state, effects: [joined, send(activity.message)] };
  return { state, effects: [joined, ...(activity.type === 'finished' ? report(activity, state) : [])] };
}

/** Reports that the coordinator does not have. */
function missing(state: WorkerState, known: ToWorker & { type: 'heartbeat' }): WorkerEffect[] {
  const { activity, training } = state;
  if (!training || training.phase !== known.phase) return [];
  const epochs = training.epochs
    .slice(known.epochs, known.epochs + limits.reportsAtOnce)
    .map((each) => send({ type: 'epoch', phase: training.phase, report: each }));
  return [...epochs, ...(activity.type === 'finished' && !known.done ? report(activity, state) : [])];
}

function capture(state: WorkerState, id: number): WorkerEffect[] {
  if (!state.training || state.activity.type === 'preparing' || isAdoptingState(state.activity)) return [];
  return [{ type: 'captureState', id, training: state.training }];
}

// A change of membership: pause, resume, start.

function onPause(state: WorkerState, { generation, boundary }: ToWorker & { type: 'pause' }): Transition {
  if (generation < state.generation) return { state, effects: [] };
  // A worker that cannot continue reports it by itself: the first member, which should report it, may be the lost one.
  if (state.activity.type === 'failing') return { state, effects: [send(state.activity.message)] };
  const { type } = state.activity;
  const isAtWork = type === 'running' || type === 'ready' || type === 'preparing' || type === 'finished';
  // A pause for the generation that this worker is already in is old; for one that it waits in, it is a repeated
  // request.
  if (generation === state.generation && isAtWork) return { state, effects: [] };
  if (boundary && type === 'running') return { state: { ...state, boundary: generation }, effects: [] };
  const isAdopting = isAdoptingState(state.activity);
  const paused: WorkerState = {
    ...state,
    generation,
    boundary: undefined,
    activity: { type: 'paused', reason: 'membership changes', ...(isAdopting ? { isAdopting } : {}) },
  };
  // Between two states a worker has nothing to report.
  return isAdopting ? { state: paused, effects: [] } : acknowledge(paused);
}

const isAdoptingState = (activity: Activity): boolean =>
  (activity.type === 'preparing' && activity.asked === 'adopt') ||
  (activity.type === 'paused' && activity.isAdopting === true);

/** Weights and optimiser state have changed, whatever has been decided meanwhile. */
function onAdopted(state: WorkerState, event: WorkerEvent & { type: 'adopted' }): Transition {
  const { activity } = state;
  if (activity.type === 'paused' && activity.isAdopting)
    return acknowledge({ ...state, activity: { type: 'paused', reason: activity.reason } });
  if (activity.type !== 'preparing' || activity.generation !== event.generation) return { state, effects: [] };
  return proceed(state, { ...activity, assembly: undefined, bytes: undefined, asked: 'nothing' });
}

function onResume(state: WorkerState, message: ToWorker & { type: 'resume' }): Transition {
  const { generation, members, heals, ops, checkpoint, teacher, tuned } = message;
  const { activity, training } = state;
  if (generation !== state.generation) return { state, effects: [] };
  if (activity.type === 'ready') return { state, effects: [readyMessage(activity, activity.hashes)] };
  if (activity.type !== 'paused' || activity.isAdopting) return { state, effects: [] };
  const self = members.findIndex((member) => member.workerId === state.workerId);
  if (self < 0 || !state.job) throw violation('resumed without being a member');
  const job = tuned ? tunedJob(state.job, tuned) : state.job;
  const phase = phaseOf(job, message.phase);
  const healedBy = heals.find((heal) => heal.to === self)?.from;
  const isBehind = healedBy !== undefined || checkpoint !== undefined;
  const isBuilt =
    (state.built?.phase.name === phase.name && training !== undefined && (isBehind || training.ops === ops)) ||
    state.building === phase.name;
  const preparing: Preparing = {
    generation,
    members,
    self,
    phase,
    ops,
    isLinked: false,
    bytes: undefined,
    asked: 'nothing',
    donatesTo: heals.filter((heal) => heal.from === self).map((heal) => heal.to),
    healedBy,
    assembly: isBehind ? new StateAssembly() : undefined,
  };
  const build: WorkerEffect[] = isBuilt ? [] : [{ type: 'build', phase, teacher }];
  const fetch: WorkerEffect[] = checkpoint === undefined ? [] : [{ type: 'fetchState', generation, hash: checkpoint }];
  // Earlier links are cut first: data still on the way to a peer must not be read once its memory is used again.
  return {
    state: {
      ...state,
      job,
      ...(isBuilt ? {} : { building: phase.name, built: undefined, training: undefined }),
      activity: { ...preparing, type: 'preparing' },
    },
    effects: [{ type: 'unlink', before: generation }, ...build, { type: 'link', generation, members, self }, ...fetch],
  };
}

function onBuilt(state: WorkerState): Transition {
  const { activity } = state;
  if (activity.type === 'preparing') return proceed(state, activity);
  return activity.type === 'idle' && state.link === 'up' ? join(state) : { state, effects: [] };
}

function onPreparing(state: WorkerState, preparing: Preparing, event: Result): Transition {
  switch (event.type) {
    case 'linked':
      return proceed(state, { ...preparing, isLinked: true });
    case 'fetched':
      return proceed(state, { ...preparing, bytes: event.bytes });
    case 'frame': {
      if (event.frame.type !== 'state' || preparing.bytes || !preparing.assembly) return { state, effects: [] };
      return proceed(state, { ...preparing, bytes: preparing.assembly.receive(event.frame) });
    }
    case 'notAdopted':
      return park(
        state,
        event.reason,
        preparing.healedBy === undefined
          ? []
          : [
              send({
                type: 'unreachable',
                generation: event.generation,
                peer: preparing.healedBy,
                linking: false,
                reason: event.reason,
              }),
            ],
      );
    case 'hashed':
      return becomeReady(state, preparing, event);
    default:
      return { state, effects: [] };
  }
}

/** Takes the next possible step into the generation. */
function proceed(state: WorkerState, preparing: Preparing): Transition {
  const { generation, phase, assembly, bytes, asked, donatesTo, isLinked } = preparing;
  const wait = (next: Preparing, effects: WorkerEffect[] = []): Transition => ({
    state: { ...state, activity: { ...next, type: 'preparing' } },
    effects,
  });
  if (state.built?.phase.name !== phase.name || !state.training) return wait(preparing);
  if (assembly)
    return bytes && asked === 'nothing'
      ? wait({ ...preparing, asked: 'adopt' }, [
          { type: 'adopt', generation, bytes, isSealed: preparing.healedBy !== undefined },
        ])
      : wait(preparing);
  invariant(
    state.training.ops === preparing.ops,
    `the state is at operation ${state.training.ops}, not ${preparing.ops}`,
  );
  const { training } = state;
  if (!isLinked || asked === 'hash') return wait(preparing);
  const donate: WorkerEffect[] = donatesTo.length ? [{ type: 'sendState', generation, training, to: donatesTo }] : [];
  return wait({ ...preparing, asked: 'hash' }, [...donate, { type: 'hash', generation, training }]);
}

function becomeReady(state: WorkerState, preparing: Preparing, event: WorkerEvent & { type: 'hashed' }): Transition {
  const { generation, members, self, phase, ops } = preparing;
  const { layout, flatGradient } = state.built!;
  const { ranks } = phase.schedule;
  invariant(
    flatGradient.length === layout.gradients + layout.otherWeights + ranks * slotsPerRank,
    'the flat buffer fits its layout',
  );
  const collective = new Collective({
    generation,
    ranks,
    members: members.map((member) => member.ranks),
    self,
    out: flatGradient,
    op: ops,
  });
  const { stateSha256, weightsSha256 } = event;
  const run: Running = {
    generation,
    members,
    self,
    phase,
    layout,
    flatGradient,
    collective,
    task: 'step',
    order: undefined,
    ranks: [],
    contributed: false,
    weightsSha256,
  };
  const hashes = { stateSha256, weightsSha256 };
  return { state: { ...state, activity: { ...run, type: 'ready', hashes } }, effects: [readyMessage(run, hashes)] };
}

function readyMessage(run: Running, hashes: { stateSha256: string; weightsSha256: string }): WorkerEffect {
  return send({
    type: 'ready',
    generation: run.generation,
    ops: run.collective.op,
    parameters: run.layout.gradients,
    ...hashes,
  });
}

function onStart(state: WorkerState, generation: number): Transition {
  const { activity } = state;
  if (activity.type !== 'ready' || activity.generation !== generation) return { state, effects: [] };
  const { hashes, ...run } = activity;
  // The first step of a generation is reported at once.
  return beginTask({ ...state, lastProgressMs: -Infinity, activity: { ...run, type: 'running' } }, run, []);
}
