// What the coordinator decides: who may take part, and what follows from what it hears. A pure machine, but for its
// memory of who was sent which block.
// It is not on the step path: between `start` and `done` workers need it for data blocks only.
import { invariant, isInputError, StillhouseError, toErrorRecord, type ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { tunedJob } from '../tune/space.js';
import { BlockTracker } from './block-tracker.js';
import {
  end,
  joinedWorkers,
  membersOf,
  nameOf,
  notify,
  tell,
  andThen,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorOptions,
  type CoordinatorState,
  type CoordinatorStep,
  type Heartbeat,
  type MembershipState,
  type Worker,
  type WorkerInfo,
} from './state.js';
import {
  askNewcomer,
  changeIfWanted,
  decideWhenAllAcknowledged,
  judgeAccusations,
  onPaused,
  onReady,
  onUnreachable,
  pauseAll,
  phaseNow,
  rebalance,
  releaseIdle,
  relinkIfStalled,
  remind,
  requestChange,
} from './membership-change.js';
import { phaseUnderWay } from './journal.js';
import { protocolVersion, type ToCoordinator } from '../wire/messages.js';
import {
  checkpointIfDue,
  finishIfDone,
  onCheckpointFailed,
  onCheckpointTaken,
  onCheckpointUnusable,
  onDone,
  onEpoch,
  onModelSaved,
  onTuned,
} from './phase-reports.js';

export function initialCoordinatorState(options: CoordinatorOptions, nowMs: number): CoordinatorState {
  const job = options.history.tuned ? tunedJob(options.job, options.history.tuned) : options.job;
  const membership: MembershipState =
    options.history.term > 0
      ? { kind: 'adopting', untilMs: nowMs + limits.adoptionMs, reports: new Map() }
      : { kind: 'gathering' };
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
    checkpoint: { nextId: 1, pending: undefined, lastMs: nowMs, epochs: 0 },
    lost: new Map(),
    retired: new Set(),
    blocks: new BlockTracker(),
    accusations: [],
    isTuning: false,
    dealtMs: nowMs,
    tickedMs: nowMs,
    ended: false,
  };
}

export function coordinatorStep(state: CoordinatorState, event: CoordinatorEvent, nowMs: number): CoordinatorStep {
  // One that is fenced off while it ends must not stop the workers of its successor.
  if (state.ended && event.type !== 'fenced') return onEventAfterEnd(state, event);
  switch (event.type) {
    case 'message':
      return onMessage(state, event.link, event.message, nowMs);
    case 'broken': {
      const worker = state.workers.get(event.link);
      if (!worker)
        return {
          state,
          effects: [tell(event.link, { type: 'rejected', error: event.error }), { type: 'close', link: event.link }],
        };
      return end(state, { code: 'PROTOCOL_VIOLATION', message: `${nameOf(worker)}: ${event.error.message}` });
    }
    case 'closed':
      return onLost(state, event.link, event.reason || 'its connection closed', nowMs);
    case 'interrupt':
      return end(state, event.error);
    case 'crashed':
      return onCrashed(state, event);
    case 'modelSaved':
      return andThen(onModelSaved(state, event.blob, nowMs), (saved) =>
        requestChange(saved, { reason: 'the phase is done', boundary: false }, nowMs),
      );
    case 'checkpointTaken':
      return andThen(onCheckpointTaken(state, event), releaseIdle);
    case 'checkpointFailed':
      return onCheckpointFailed(state, event);
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

function onEventAfterEnd(state: CoordinatorState, event: CoordinatorEvent): CoordinatorStep {
  if (event.type !== 'message' || event.message.type !== 'hello') return { state, effects: [] };
  // It is to look for the coordinator that took over.
  if (state.ended === 'fenced') return { state, effects: [{ type: 'close', link: event.link }] };
  // Whoever comes late is sent away rather than left waiting.
  const error = { code: 'RUN_OVER', message: 'the run is over' } as const;
  return { state, effects: [tell(event.link, { type: 'rejected', error }), { type: 'close', link: event.link }] };
}

function reject(state: CoordinatorState, link: number, host: string, error: StillhouseError): CoordinatorStep {
  const record = toErrorRecord(error);
  const workers = new Map(state.workers);
  workers.delete(link);
  return {
    state: { ...state, workers },
    effects: [
      notify({ type: 'refused', host, error: record }),
      tell(link, { type: 'rejected', error: record }),
      { type: 'close', link },
    ],
  };
}

function onMessage(state: CoordinatorState, link: number, message: ToCoordinator, nowMs: number): CoordinatorStep {
  if (message.type === 'hello') return onHello(state, link, message, nowMs);
  if (message.type === 'statePart') return onStatePart(state, link, message);
  const known = state.workers.get(link);
  if (!known) return { state, effects: [{ type: 'close', link }] };
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
      return onFailed(heard, worker, message);
    case 'paused':
      return onPaused(heard, worker, message, nowMs);
    case 'ready':
      return andThen(onReady(heard, worker, message, nowMs), (next) =>
        next.ended ? { state: next, effects: [] } : changeIfWanted(next, nowMs),
      );
    case 'unreachable':
      return onUnreachable(heard, worker, message, nowMs);
    case 'progress':
      if (!heard.phase || message.generation !== heard.generation) return { state: heard, effects: [] };
      return {
        state: { ...heard, phase: { ...heard.phase, step: message.step } },
        effects: [notify({ type: 'progress', phase: heard.phase.name, step: message.step, loss: message.loss })],
      };
    case 'epoch':
      return andThen(onEpoch(heard, worker, message, nowMs), (next) => finishIfDone(next, nowMs));
    case 'done':
      return andThen(onDone(heard, worker, message), (next) => finishIfDone(next, nowMs));
  }
}

/** A worker that was sent the bytes before is named, unless the coordinator itself is asked for them. */
function onGetBlock(
  state: CoordinatorState,
  { link, info }: Worker,
  { hash, direct }: ToCoordinator & { type: 'getBlock' },
): CoordinatorStep {
  const asker = info?.meshAddress;
  if (asker !== undefined) {
    const there = new Set(joinedWorkers(state).map((worker) => worker.info!.meshAddress));
    const meshAddress = direct ? undefined : state.blocks.refer(hash, asker, (address) => there.has(address));
    if (meshAddress !== undefined) return { state, effects: [tell(link, { type: 'blockAt', hash, meshAddress })] };
    state.blocks.sent(hash, asker);
  }
  return { state, effects: [{ type: 'sendBlock', link, hash }] };
}

/** Ends without a word to anybody: workers and journal belong to another coordinator. */
function fence(state: CoordinatorState, term: number): CoordinatorStep {
  const error = {
    code: 'COORDINATOR_FENCED',
    message: `coordinator ${term} of this run has taken over from this one, coordinator ${state.options.term}`,
  } as const;
  return {
    state: { ...state, ended: 'fenced' },
    effects: [
      ...[...state.workers.keys()].map((link): CoordinatorEffect => ({ type: 'close', link })),
      { type: 'end', error },
    ],
  };
}

// Rendezvous.

function onHello(
  state: CoordinatorState,
  link: number,
  message: ToCoordinator & { type: 'hello' },
  nowMs: number,
): CoordinatorStep {
  const { job, token, term } = state.options;
  const refuse = (
    code: 'PROTOCOL_VERSION' | 'TOKEN_REJECTED' | 'RUN_OVER' | 'RUN_FULL',
    why: string,
  ): CoordinatorStep => reject(state, link, message.host, new StillhouseError(code, why));
  if (message.protocol !== protocolVersion)
    return refuse(
      'PROTOCOL_VERSION',
      `the worker speaks protocol ${message.protocol} (stillhouse ${message.version}), this coordinator ${protocolVersion}`,
    );
  if (message.token !== token) return refuse('TOKEN_REJECTED', 'the token of the worker is not the one of this run');
  if (message.runId !== undefined && message.runId !== job.runId)
    return refuse('RUN_OVER', 'the run that the worker took part in is not the one of this coordinator');
  // The worker knows a coordinator that came after this one.
  if (message.term > term) return fence(state, message.term);
  if (state.workers.size >= limits.workerCount)
    return refuse('RUN_FULL', `the run has ${limits.workerCount} workers already`);
  const known = state.workers.get(link);
  if (known) return welcome(state, known);
  // The same process over a new link: the old one is dead.
  const before = [...state.workers.values()].find(({ instance }) => instance === message.instance);
  const forgotten: CoordinatorStep = before
    ? andThen({ state, effects: [{ type: 'close', link: before.link }] }, (next) =>
        onLost(next, before.link, 'it came back over another connection', nowMs),
      )
    : { state, effects: [] };
  return andThen(forgotten, (next) => admit(next, link, message, nowMs));
}

function admit(
  state: CoordinatorState,
  link: number,
  message: ToCoordinator & { type: 'hello' },
  nowMs: number,
): CoordinatorStep {
  const { instance, host } = message;
  // A worker keeps the name that a coordinator before this one gave it.
  const isFree = (workerId: string): boolean => ![...state.names.values()].includes(workerId);
  const named =
    state.names.get(instance) ??
    (message.workerId !== undefined && isFree(message.workerId) ? message.workerId : undefined);
  const workerId = named ?? `w${state.nextWorker}`;
  const worker: Worker = {
    link,
    instance,
    workerId,
    host,
    info: undefined,
    held: undefined,
    leaving: false,
    heardMs: nowMs,
    beat: undefined,
    advancedMs: nowMs,
    toldMs: nowMs,
    silenceNoted: false,
    progressedMs: nowMs,
    slownessNoted: false,
    stallNoted: false,
    quarantinedUntilMs: 0,
  };
  const next: CoordinatorState = {
    ...state,
    nextWorker: Math.max(state.nextWorker, Number(workerId.slice(1)) + 1),
    names: new Map(state.names).set(instance, workerId),
    workers: new Map(state.workers).set(link, worker),
  };
  return welcome(next, worker);
}

function welcome(state: CoordinatorState, worker: Worker): CoordinatorStep {
  const { job, meshToken, term } = state.options;
  const phase = state.phase?.name === 'teacher' && state.phase.isStarted ? state.phase.name : undefined;
  return {
    state,
    effects: [
      tell(worker.link, {
        type: 'welcome',
        workerId: worker.workerId,
        term,
        meshToken,
        job,
        ...(phase ? { phase } : {}),
      }),
    ],
  };
}

function onJoin(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'join' },
  nowMs: number,
): CoordinatorStep {
  const other = joinedWorkers(state).find(({ info }) => info!.fingerprint !== message.fingerprint)?.info;
  if (other && !state.options.allowMixed) {
    return reject(
      state,
      worker.link,
      worker.host,
      new StillhouseError(
        'FINGERPRINT_MISMATCH',
        `the worker's engine is ${message.fingerprint}, that of ${other.workerId} ${other.fingerprint}: equal bits cannot be promised`,
      ),
    );
  }
  if (worker.info) return { state, effects: [] };
  const { fingerprint, choice, meshAddress, held, leaving } = message;
  const info: WorkerInfo = { workerId: worker.workerId, host: worker.host, fingerprint, choice, meshAddress };
  const joined: Worker = { ...worker, info, held, leaving };
  const next: CoordinatorState = {
    ...state,
    workers: new Map(state.workers).set(worker.link, joined),
    generation: Math.max(state.generation, message.generation),
  };
  const effects = [
    notify({ type: 'joined', worker: info, joined: joinedWorkers(next).length, wanted: state.options.workers }),
    ...askNewcomer(next, joined),
  ];
  return andThen({ state: next, effects }, (after) => beginIfReady(adopt(after, joined, message, nowMs), nowMs));
}

/** After a restart: takes over a generation whose members are all back and have not stopped, without disturbing it. */
function adopt(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'join' },
  nowMs: number,
): CoordinatorState {
  const { membership } = state;
  if (membership.kind !== 'adopting' || !message.running) return state;
  const reports = new Map(membership.reports).set(worker.workerId, {
    generation: message.generation,
    members: message.running,
  });
  const generation = Math.max(...[...reports.values()].map((each) => each.generation));
  const newest = [...reports].filter(([, each]) => each.generation === generation);
  const [first] = newest;
  invariant(first, 'a report has just come');
  const { members } = first[1];
  const phase = phaseNow(state, nowMs);
  const ids = new Set(newest.map(([workerId]) => workerId));
  const isWhole =
    phase &&
    members.every(({ workerId }) => ids.has(workerId)) &&
    joinedWorkers(state).every(({ workerId, held }) => !ids.has(workerId) || held?.phase === phase.name);
  if (!isWhole) return { ...state, membership: { ...membership, reports } };
  return {
    ...state,
    generation,
    phase: { ...phase, isStarted: true },
    membership: { kind: 'running', members, sinceMs: nowMs },
  };
}

/** Begins, or goes on, once enough workers are there. */
function beginIfReady(state: CoordinatorState, nowMs: number): CoordinatorStep {
  const joined = joinedWorkers(state);
  switch (state.membership.kind) {
    case 'gathering':
      if (joined.some(({ leaving }) => leaving)) return releaseIdle(state);
      return joined.filter(({ leaving }) => !leaving).length < state.options.workers
        ? { state, effects: [] }
        : pauseAll(state, { reason: 'all workers are there', boundary: false }, nowMs);
    case 'adopting':
      if (state.membership.untilMs > nowMs) return { state, effects: [] };
      if (joined.some(({ held }) => held))
        return pauseAll(state, { reason: 'the coordinator was started again', boundary: false }, nowMs);
      return beginIfReady({ ...state, membership: { kind: 'gathering' }, startedMs: nowMs }, nowMs);
    default:
      return changeIfWanted(state, nowMs);
  }
}

/** States for checkpoints come over links of their own. */
function onStatePart(
  state: CoordinatorState,
  link: number,
  part: ToCoordinator & { type: 'statePart' },
): CoordinatorStep {
  return {
    state,
    effects: [part.token === state.options.token ? { type: 'receivePart', link, part } : { type: 'close', link }],
  };
}

// What is heard, and not heard, of workers.

function onHeartbeat(state: CoordinatorState, worker: Worker, beat: Heartbeat, nowMs: number): CoordinatorStep {
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
  const answer = tell(worker.link, {
    type: 'heartbeat',
    epochs: phase?.epochs.length ?? 0,
    done: phase?.done.has(worker.workerId) ?? false,
    ...(phase ? { phase: phase.name } : {}),
  });
  const step: CoordinatorStep = { state: heard, effects: [answer] };
  // It has an engine but has not joined: its message, or the welcome, was lost.
  if (!next.info && !beat.busy && nowMs - next.toldMs > limits.resendMs)
    return andThen(step, (after) => welcome(after, next));
  return andThen(step, (after) => remind(after, next, nowMs));
}

/** A worker, and what it worked on. */
function placeOf(
  state: CoordinatorState,
  worker: Pick<Worker, 'workerId' | 'host'>,
  told: { step?: number | undefined; rank?: number | undefined },
): string {
  const ranks =
    membersOf(state.membership).find(({ workerId }) => workerId === worker.workerId)?.ranks ??
    state.lost.get(worker.workerId);
  const held =
    ranks && ranks.hi > ranks.lo
      ? ranks.hi - ranks.lo === 1
        ? `rank ${ranks.lo}`
        : `ranks ${ranks.lo} to ${ranks.hi - 1}`
      : undefined;
  const step = told.step ?? (held ? state.phase?.step : undefined);
  return [
    nameOf(worker),
    step === undefined ? undefined : `step ${step}`,
    told.rank === undefined ? held : `rank ${told.rank}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}

function onFailed(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'failed' },
): CoordinatorStep {
  const { error, lastGood } = message;
  const isClear = lastGood !== undefined || isInputError(error.code);
  const text = isClear ? error.message : `${placeOf(state, worker, message)}: ${error.message}`;
  const record: ErrorRecord = {
    code: error.code === 'BUG' ? 'WORKER_FAILED' : (error.code as ErrorRecord['code']),
    message: text,
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(error.stack ? { stack: error.stack } : {}),
  };
  const save: CoordinatorEffect[] =
    lastGood && state.phase ? [{ type: 'saveModel', phase: state.phase.name, model: lastGood, lastGood: true }] : [];
  return end(state, record, save);
}

function onCrashed(
  state: CoordinatorState,
  { instance, error }: CoordinatorEvent & { type: 'crashed' },
): CoordinatorStep {
  const workerId = state.names.get(instance);
  const host = [...state.workers.values()].find((worker) => worker.instance === instance)?.host ?? 'this machine';
  return end(
    state,
    workerId === undefined
      ? error
      : { ...error, message: `${placeOf(state, { workerId, host }, {})}: ${error.message}` },
  );
}

function onLost(state: CoordinatorState, link: number, reason: string, nowMs: number): CoordinatorStep {
  const worker = state.workers.get(link);
  if (!worker) return { state, effects: [] };
  const workers = new Map(state.workers);
  workers.delete(link);
  const { checkpoint, membership } = state;
  let next: CoordinatorState = {
    ...state,
    workers,
    checkpoint: checkpoint.pending?.link === link ? { ...checkpoint, pending: undefined } : checkpoint,
  };
  const member = membersOf(membership).find(({ workerId }) => workerId === worker.workerId);
  if (member) next = { ...next, lost: new Map(next.lost).set(worker.workerId, member.ranks) };
  const left: CoordinatorStep = { state: next, effects: [notify({ type: 'left', workerId: worker.workerId, reason })] };
  if (member)
    return andThen(left, (after) =>
      requestChange(after, { reason: `${nameOf(worker)} is gone: ${reason}`, boundary: false }, nowMs),
    );
  return andThen(left, (after) => decideWhenAllAcknowledged(after, nowMs));
}

/** A coordinator that has been asleep has not listened: what workers said meanwhile is still to be read. */
function excuseSilence(state: CoordinatorState, nowMs: number): CoordinatorState {
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

function onTick(before: CoordinatorState, nowMs: number): CoordinatorStep {
  const state = excuseSilence(before, nowMs);
  const { membership, options } = state;
  // A coordinator before this one died between its last phase and its end.
  if (membership.kind === 'adopting' && phaseUnderWay(state.history, options.job.recipe) === undefined)
    return end(state, undefined);
  if (membership.kind === 'gathering' && nowMs - state.startedMs > options.joinTimeoutMs) {
    return end(state, {
      code: 'WORKERS_MISSING',
      message: `${joinedWorkers(state).length} of ${options.workers} workers joined within ${options.joinTimeoutMs / 1000} s`,
    });
  }
  // The disk had no room for the model: perhaps it has now.
  if (membership.kind === 'saving')
    return {
      state,
      effects: [{ type: 'saveModel', phase: membership.record.phase, model: membership.model, lastGood: false }],
    };
  const duties = [
    dropSilent,
    beginIfReady,
    decideWhenAllAcknowledged,
    judgeAccusations,
    relinkIfStalled,
    noteSlow,
    noteStalling,
    rebalance,
    checkpointIfDue,
  ];
  return duties.reduce<CoordinatorStep>(
    (step, duty) => (step.state.ended ? step : andThen(step, (next) => duty(next, nowMs))),
    { state, effects: [] },
  );
}

/** Names who says nothing; after a while it counts as lost. */
function dropSilent(state: CoordinatorState, nowMs: number): CoordinatorStep {
  const silent = [...state.workers.values()].filter(({ heardMs }) => nowMs - heardMs > limits.silenceNoticeMs);
  return silent.reduce<CoordinatorStep>((step, worker) => andThen(step, (next) => onSilent(next, worker, nowMs)), {
    state,
    effects: [],
  });
}

function onSilent(state: CoordinatorState, worker: Worker, nowMs: number): CoordinatorStep {
  const { heartbeatTimeoutMs } = state.options;
  const silentMs = nowMs - worker.heardMs;
  if (silentMs > heartbeatTimeoutMs) {
    return andThen({ state, effects: [{ type: 'close', link: worker.link }] }, (next) =>
      onLost(next, worker.link, `it said nothing for ${heartbeatTimeoutMs / 1000} s`, nowMs),
    );
  }
  if (worker.silenceNoted) return { state, effects: [] };
  return {
    state: { ...state, workers: new Map(state.workers).set(worker.link, { ...worker, silenceNoted: true }) },
    effects: [notify({ type: 'silent', workerId: worker.workerId, silentMs })],
  };
}

/** Names a member that works without getting on while others wait for it. */
function noteStalling(state: CoordinatorState, nowMs: number): CoordinatorStep {
  if (state.membership.kind !== 'running') return { state, effects: [] };
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

/** A member that takes so many times as long as the middle one holds up the others. */
const slownessFactor = 2;

function noteSlow(state: CoordinatorState): CoordinatorStep {
  if (state.membership.kind !== 'running') return { state, effects: [] };
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
