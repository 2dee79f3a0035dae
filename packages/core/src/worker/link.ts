// A worker's link with the coordinator: greeting and joining, heartbeats, patience while it is away, and leaving.
import type { ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { formatSeconds } from '../format/number-text.js';
import { phaseOf } from '../job/job.js';
import type { PhaseName } from '../job/phase-name.js';
import { protocolVersion, type ToWorker } from '../wire/messages.js';
import { occupation } from './occupation.js';
import { tellRoutes } from './routes.js';
import { report } from './running.js';
import { send, type Transition, type WorkerEffect, type WorkerState } from './state.js';

export function greet(state: WorkerState): Transition {
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

export function stop(state: WorkerState, error: ErrorRecord | undefined): Transition {
  return {
    state: { ...state, activity: { type: 'stopped' } },
    effects: [
      { type: 'unlink', before: Infinity },
      { type: 'exit', error },
    ],
  };
}

export function onUnreachable(state: WorkerState, error: ErrorRecord, nowMs: number): Transition {
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
          message: `the coordinator has been away for ${formatSeconds(awayMs / 1000)}: ${error.message}`,
        }
      : error,
  );
}

export function onCoordinatorLost(state: WorkerState, reason: string, nowMs: number): Transition {
  const lost: WorkerState = { ...state, link: 'down', awaySinceMs: state.link === 'up' ? nowMs : state.awaySinceMs };
  if (state.leaving) return stop(lost, undefined);
  if (state.identity.patienceMs > 0)
    return { state: lost, effects: [{ type: 'connect', delayMs: state.job ? 0 : limits.connectPauseMs }] };
  return stop(lost, {
    code: 'COORDINATOR_LOST',
    message: `the connection to the coordinator closed: ${reason || 'no reason given'}`,
  });
}

export function onHeartbeatDue(before: WorkerState, nowMs: number): Transition {
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
  const { rankMs, dataMs } = isMeasured ? state : {};
  const { exchange } = state;
  const isTimed = exchange?.generation === generation && exchange.steps >= limits.timedStepsNeeded;
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
        ...(dataMs === undefined ? {} : { dataMs }),
        ...(isTimed ? { exchangeMs: exchange.ms } : {}),
      }),
    ],
  };
}

export function onLeave(state: WorkerState): Transition {
  if (state.link !== 'up' || !state.loaded) return stop(state, undefined);
  return { state: { ...state, leaving: true }, effects: [send({ type: 'leaving' })] };
}

export function onWelcome(state: WorkerState, message: ToWorker & { type: 'welcome' }): Transition {
  const { workerId, term, job, meshToken, phase } = message;
  const welcomed: WorkerState = { ...state, link: 'up', workerId, term };
  if (state.loaded) return join(welcomed);
  if (state.job) return { state: welcomed, effects: [] };
  return { state: { ...welcomed, job, building: phase }, effects: [{ type: 'load', job, meshToken }] };
}

export function onLoaded(state: WorkerState): Transition {
  // A run in progress must not wait while this worker builds its model.
  if (state.building !== undefined)
    return {
      state,
      effects: [{ type: 'build', phase: phaseOf(state.job!, state.building as PhaseName), teacher: undefined }],
    };
  return state.link === 'up' ? join(state) : { state, effects: [] };
}

export function join(state: WorkerState): Transition {
  if (state.building !== undefined && state.activity.type === 'idle') return { state, effects: [] };
  const { fingerprint, choice, reach } = state.loaded!;
  const { activity, generation, training, leaving } = state;
  const running = activity.type === 'running' || activity.type === 'finished' ? activity.members : undefined;
  const held = training && { phase: training.phase, ops: training.ops };
  const joined = send({
    type: 'join',
    fingerprint,
    choice,
    ...reach,
    generation,
    leaving,
    ...(held ? { held } : {}),
    ...(running ? { running: [...running] } : {}),
  });
  if (activity.type === 'failing') return { state, effects: [joined, send(activity.message)] };
  return {
    state,
    effects: [joined, ...tellRoutes(state), ...(activity.type === 'finished' ? report(activity, state) : [])],
  };
}

/** Reports that the coordinator does not have. */
export function missingReports(state: WorkerState, known: ToWorker & { type: 'heartbeat' }): WorkerEffect[] {
  const { activity, training } = state;
  if (!training || training.phase !== known.phase) return [];
  const epochs = training.epochs
    .slice(known.epochs, known.epochs + limits.reportsAtOnce)
    .map((each) => send({ type: 'epoch', phase: training.phase, report: each }));
  return [...epochs, ...(activity.type === 'finished' && !known.done ? report(activity, state) : [])];
}
