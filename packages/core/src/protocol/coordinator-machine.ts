// What the coordinator decides: rendezvous, generations, rank assignment, phases, the checks at their ends. A pure machine.
// It is not on the step path: between `start` and `done` workers need it for data blocks only.
import { assignRanks } from '../assignment.js';
import { isInputError, StillhouseError, toErrorRecord, type ErrorRecord } from '../errors.js';
import { phaseOf, phasesOf, type Job, type PhaseName } from '../job.js';
import { addLedgers, emptyLedger, ledgerDigest, wholeLedger } from '../ledger.js';
import { limits } from '../limits.js';
import type { Metrics } from '../metrics.js';
import { protocolVersion, type ExportedModel, type Member, type ToCoordinator, type ToWorker } from './messages.js';

export interface CoordinatorOptions {
  readonly job: Job;
  readonly token: string;
  readonly meshToken: string;
  /** The run starts when so many workers have joined. */
  readonly workers: number;
  readonly allowMixed: boolean;
  /** How long to wait for the workers; Infinity waits for ever. */
  readonly joinTimeoutMs: number;
}

export interface WorkerInfo {
  readonly workerId: string;
  readonly host: string;
  readonly fingerprint: string;
  /** Its backend and why, for people. */
  readonly choice: string;
  readonly meshAddress: string;
  readonly ranks: { readonly lo: number; readonly hi: number } | undefined;
}

export interface EpochRecord {
  readonly epoch: number;
  readonly rows: number;
  readonly rowsDigest: string;
  readonly trainLoss: number;
  readonly learningRate: number;
  readonly validation?: Metrics;
  readonly seconds: number;
}

export interface PhaseRecord {
  readonly phase: PhaseName;
  readonly workers: number;
  readonly steps: number;
  readonly samples: number;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly stopped: string;
  readonly expectedRowsDigest: string;
  readonly epochs: readonly EpochRecord[];
  readonly test: Metrics;
  readonly parameters: number;
  readonly weightsSha256: string;
}

export type CoordinatorEvent =
  | { readonly type: 'connected'; readonly link: number }
  | { readonly type: 'message'; readonly link: number; readonly message: ToCoordinator }
  | { readonly type: 'broken'; readonly link: number; readonly error: ErrorRecord }
  | { readonly type: 'closed'; readonly link: number; readonly reason: string }
  | { readonly type: 'interrupt'; readonly error: ErrorRecord }
  | { readonly type: 'tick' };

/** What happened, for events.jsonl, progress bars and logs. */
export type CoordinatorNotice =
  | { readonly type: 'joined'; readonly worker: WorkerInfo; readonly joined: number; readonly wanted: number }
  | { readonly type: 'refused'; readonly host: string; readonly error: ErrorRecord }
  | { readonly type: 'left'; readonly workerId: string; readonly reason: string }
  | { readonly type: 'phaseAssigned'; readonly phase: PhaseName; readonly generation: number; readonly workers: readonly WorkerInfo[]; readonly idle: readonly string[] }
  | { readonly type: 'phaseStarted'; readonly phase: PhaseName; readonly generation: number; readonly parameters: number; readonly initialWeightsSha256: string }
  | { readonly type: 'progress'; readonly phase: PhaseName; readonly step: number; readonly loss: number }
  | { readonly type: 'epoch'; readonly phase: PhaseName; readonly record: EpochRecord }
  | { readonly type: 'phaseDone'; readonly record: PhaseRecord };

export type CoordinatorEffect =
  | { readonly type: 'send'; readonly link: number; readonly message: ToWorker }
  | { readonly type: 'sendBlock'; readonly link: number; readonly hash: string }
  | { readonly type: 'close'; readonly link: number }
  | { readonly type: 'notify'; readonly notice: CoordinatorNotice }
  | { readonly type: 'saveModel'; readonly phase: PhaseName; readonly model: ExportedModel; readonly lastGood: boolean }
  | { readonly type: 'end'; readonly error: ErrorRecord | undefined };

interface Worker {
  readonly link: number;
  readonly workerId: string;
  readonly host: string;
  readonly joined: WorkerInfo | undefined;
  readonly heardMs: number;
}

interface PhaseProgress {
  readonly name: PhaseName;
  readonly members: readonly Member[];
  readonly expectedRowsDigest: string;
  readonly ready: ReadonlyMap<string, ToCoordinator & { type: 'ready' }>;
  readonly epochReports: ReadonlyMap<string, ToCoordinator & { type: 'epoch' }>;
  readonly epochs: readonly EpochRecord[];
  readonly done: ReadonlyMap<string, ToCoordinator & { type: 'done' }>;
  readonly startedMs: number;
  readonly epochStartedMs: number;
}

export interface CoordinatorState {
  readonly options: CoordinatorOptions;
  readonly startedMs: number;
  readonly nextWorker: number;
  readonly workers: ReadonlyMap<number, Worker>;
  readonly generation: number;
  readonly phaseIndex: number;
  readonly phase: PhaseProgress | undefined;
  readonly ended: boolean;
}

export interface CoordinatorStep {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}

export function initialCoordinatorState(options: CoordinatorOptions, nowMs: number): CoordinatorState {
  return { options, startedMs: nowMs, nextWorker: 1, workers: new Map(), generation: 0, phaseIndex: -1, phase: undefined, ended: false };
}

const notify = (notice: CoordinatorNotice): CoordinatorEffect => ({ type: 'notify', notice });

export function coordinatorStep(state: CoordinatorState, event: CoordinatorEvent, nowMs: number): CoordinatorStep {
  if (state.ended) {
    if (event.type !== 'message' || event.message.type !== 'hello') return { state, effects: [] };
    // Whoever comes late is sent away rather than left waiting.
    const error = { code: 'RUN_STARTED', message: 'the run is over' } as const;
    return { state, effects: [{ type: 'send', link: event.link, message: { type: 'rejected', error } }, { type: 'close', link: event.link }] };
  }
  switch (event.type) {
    case 'connected':
      return { state, effects: [] };
    case 'message':
      return onMessage(state, event.link, event.message, nowMs);
    case 'broken': {
      const worker = state.workers.get(event.link);
      if (!worker) return { state, effects: [{ type: 'send', link: event.link, message: { type: 'rejected', error: event.error } }, { type: 'close', link: event.link }] };
      return end(state, { code: 'PROTOCOL_VIOLATION', message: `${nameOf(worker)}: ${event.error.message}` });
    }
    case 'closed':
      return onClosed(state, event.link, event.reason);
    case 'interrupt':
      return end(state, event.error);
    case 'tick':
      return onTick(state, nowMs);
  }
}

const nameOf = (worker: Worker): string => `worker ${worker.workerId} (${worker.host})`;

function end(state: CoordinatorState, error: ErrorRecord | undefined, before: readonly CoordinatorEffect[] = []): CoordinatorStep {
  const stops = [...state.workers.keys()].map((link): CoordinatorEffect => ({ type: 'send', link, message: error ? { type: 'stop', error } : { type: 'stop' } }));
  return { state: { ...state, ended: true }, effects: [...before, ...stops, { type: 'end', error }] };
}

function reject(state: CoordinatorState, link: number, host: string, error: StillhouseError): CoordinatorStep {
  const record = toErrorRecord(error);
  const workers = new Map(state.workers);
  workers.delete(link);
  return {
    state: { ...state, workers },
    effects: [notify({ type: 'refused', host, error: record }), { type: 'send', link, message: { type: 'rejected', error: record } }, { type: 'close', link }],
  };
}

function onMessage(state: CoordinatorState, link: number, message: ToCoordinator, nowMs: number): CoordinatorStep {
  if (message.type === 'hello') return onHello(state, link, message, nowMs);
  const known = state.workers.get(link);
  if (!known) return { state, effects: [{ type: 'close', link }] };
  const worker = { ...known, heardMs: nowMs };
  const heard = { ...state, workers: new Map(state.workers).set(link, worker) };
  switch (message.type) {
    case 'heartbeat':
      return { state: heard, effects: [] };
    case 'getBlock':
      return { state: heard, effects: [{ type: 'sendBlock', link, hash: message.hash }] };
    case 'join':
      return onJoin(heard, worker, message, nowMs);
    case 'failed':
      return onFailed(heard, worker, message);
    default:
      return onPhaseMessage(heard, worker, message, nowMs);
  }
}

function onHello(state: CoordinatorState, link: number, message: ToCoordinator & { type: 'hello' }, nowMs: number): CoordinatorStep {
  const { job, token, meshToken } = state.options;
  const refuse = (code: 'PROTOCOL_VERSION' | 'TOKEN_REJECTED' | 'RUN_STARTED', why: string): CoordinatorStep => reject(state, link, message.host, new StillhouseError(code, why));
  if (message.protocol !== protocolVersion) return refuse('PROTOCOL_VERSION', `the worker speaks protocol ${message.protocol} (stillhouse ${message.version}), this coordinator ${protocolVersion}`);
  if (message.token !== token) return refuse('TOKEN_REJECTED', 'the token of the worker is not the one of this run');
  if (state.phaseIndex >= 0) return refuse('RUN_STARTED', 'the run has started');
  const worker: Worker = { link, workerId: `w${state.nextWorker}`, host: message.host, joined: undefined, heardMs: nowMs };
  return {
    state: { ...state, nextWorker: state.nextWorker + 1, workers: new Map(state.workers).set(link, worker) },
    effects: [{ type: 'send', link, message: { type: 'welcome', workerId: worker.workerId, meshToken, job } }],
  };
}

const joinedWorkers = (state: CoordinatorState): WorkerInfo[] => [...state.workers.values()].flatMap((worker) => worker.joined ?? []);

function onJoin(state: CoordinatorState, worker: Worker, message: ToCoordinator & { type: 'join' }, nowMs: number): CoordinatorStep {
  if (state.phaseIndex >= 0) return reject(state, worker.link, worker.host, new StillhouseError('RUN_STARTED', 'the run has started'));
  const other = joinedWorkers(state).find((info) => info.fingerprint !== message.fingerprint);
  if (other && !state.options.allowMixed) {
    return reject(state, worker.link, worker.host, new StillhouseError('FINGERPRINT_MISMATCH', `the worker's engine is ${message.fingerprint}, that of ${other.workerId} ${other.fingerprint}: equal bits cannot be promised`));
  }
  const info: WorkerInfo = { workerId: worker.workerId, host: worker.host, fingerprint: message.fingerprint, choice: message.choice, meshAddress: message.meshAddress, ranks: undefined };
  const next = { ...state, workers: new Map(state.workers).set(worker.link, { ...worker, joined: info }) };
  const joined = joinedWorkers(next).length;
  const effects = [notify({ type: 'joined', worker: info, joined, wanted: state.options.workers })];
  return joined < state.options.workers ? { state: next, effects } : assignNextPhase(next, effects, nowMs);
}

function assignNextPhase(state: CoordinatorState, effects: readonly CoordinatorEffect[], nowMs: number): CoordinatorStep {
  const { job } = state.options;
  const name = phasesOf(job.recipe)[state.phaseIndex + 1];
  if (!name) return end(state, undefined, effects);
  const { schedule } = phaseOf(job, name);
  const generation = state.generation + 1;
  const workers = [...state.workers.values()].filter((worker) => worker.joined);
  const runs = assignRanks(schedule.ranks, workers.length);
  const assigned = workers.map((worker, i) => ({ worker, ranks: runs[i] })).filter(({ ranks }) => ranks.hi > ranks.lo);
  const members = assigned.map(({ worker, ranks }) => ({ workerId: worker.workerId, meshAddress: worker.joined!.meshAddress, ranks }));
  const idle = workers.slice(assigned.length).map((worker) => worker.workerId);
  const phase: PhaseProgress = {
    name, members, expectedRowsDigest: ledgerDigest(wholeLedger(schedule.rowCount)), ready: new Map(), epochReports: new Map(), epochs: [], done: new Map(),
    startedMs: nowMs, epochStartedMs: nowMs,
  };
  const infos = assigned.map(({ worker, ranks }) => ({ ...worker.joined!, ranks }));
  return {
    state: { ...state, generation, phaseIndex: state.phaseIndex + 1, phase },
    effects: [
      ...effects,
      notify({ type: 'phaseAssigned', phase: name, generation, workers: infos, idle }),
      ...assigned.map(({ worker }): CoordinatorEffect => ({ type: 'send', link: worker.link, message: { type: 'assign', generation, phase: name, members } })),
    ],
  };
}

type PhaseMessage = Extract<ToCoordinator, { generation: number }>;

function onPhaseMessage(state: CoordinatorState, worker: Worker, message: PhaseMessage, nowMs: number): CoordinatorStep {
  const phase = state.phase;
  if (!phase || message.generation !== state.generation) return { state, effects: [] };
  const lead = phase.members[0].workerId === worker.workerId;
  switch (message.type) {
    case 'progress':
      return { state, effects: lead ? [notify({ type: 'progress', phase: phase.name, step: message.step, loss: message.loss })] : [] };
    case 'ready':
      return onReady(state, { ...phase, ready: new Map(phase.ready).set(worker.workerId, message) }, nowMs);
    case 'epoch':
      return onEpoch(state, { ...phase, epochReports: new Map(phase.epochReports).set(worker.workerId, message) }, nowMs);
    case 'done':
      return onDone(state, { ...phase, done: new Map(phase.done).set(worker.workerId, message) }, nowMs);
  }
}

/** The worker whose weights differ from the lead's, if any: every worker must hold the same bits. */
function diverged(phase: PhaseProgress, reports: ReadonlyMap<string, { readonly weightsSha256: string }>): ErrorRecord | undefined {
  const lead = phase.members[0].workerId;
  const expected = reports.get(lead)!.weightsSha256;
  const other = [...reports].find(([, report]) => report.weightsSha256 !== expected);
  return other && { code: 'MODEL_DIVERGED', message: `the weights of the ${phase.name} differ between ${lead} (${expected.slice(0, 12)}) and ${other[0]} (${other[1].weightsSha256.slice(0, 12)})` };
}

function onReady(state: CoordinatorState, phase: PhaseProgress, nowMs: number): CoordinatorStep {
  if (phase.ready.size < phase.members.length) return { state: { ...state, phase }, effects: [] };
  const mixed = state.options.allowMixed ? undefined : diverged(phase, phase.ready);
  if (mixed) return end(state, mixed);
  const first = phase.ready.get(phase.members[0].workerId)!;
  const links = [...state.workers.values()].filter((worker) => phase.members.some((member) => member.workerId === worker.workerId)).map((worker) => worker.link);
  return {
    state: { ...state, phase: { ...phase, startedMs: nowMs, epochStartedMs: nowMs } },
    effects: [
      notify({ type: 'phaseStarted', phase: phase.name, generation: state.generation, parameters: first.parameters, initialWeightsSha256: first.weightsSha256 }),
      ...links.map((link): CoordinatorEffect => ({ type: 'send', link, message: { type: 'start', generation: state.generation, step: 0 } })),
    ],
  };
}

function onEpoch(state: CoordinatorState, phase: PhaseProgress, nowMs: number): CoordinatorStep {
  if (phase.epochReports.size < phase.members.length) return { state: { ...state, phase }, effects: [] };
  const different = diverged(phase, phase.epochReports);
  if (different) return end(state, different);
  const lead = phase.epochReports.get(phase.members[0].workerId)!;
  const ledger = [...phase.epochReports.values()].reduce((sum, report) => addLedgers(sum, report.ledger), emptyLedger);
  const { rowCount } = phaseOf(state.options.job, phase.name).schedule;
  const digest = ledgerDigest(ledger);
  if (ledger.rows !== rowCount || digest !== phase.expectedRowsDigest) {
    return end(state, { code: 'LEDGER_BROKEN', message: `epoch ${lead.epoch} of the ${phase.name} did not use each of ${rowCount} rows once: ${ledger.rows} rows, digest ${digest}, expected ${phase.expectedRowsDigest}` });
  }
  const record: EpochRecord = {
    epoch: lead.epoch, rows: ledger.rows, rowsDigest: digest, trainLoss: lead.trainLoss, learningRate: lead.learningRate,
    ...(lead.validation ? { validation: lead.validation } : {}), seconds: (nowMs - phase.epochStartedMs) / 1000,
  };
  const next = { ...phase, epochReports: new Map(), epochs: [...phase.epochs, record], epochStartedMs: nowMs };
  return { state: { ...state, phase: next }, effects: [notify({ type: 'epoch', phase: phase.name, record })] };
}

function onDone(state: CoordinatorState, phase: PhaseProgress, nowMs: number): CoordinatorStep {
  if (phase.done.size < phase.members.length) return { state: { ...state, phase }, effects: [] };
  const different = diverged(phase, phase.done);
  if (different) return end(state, different);
  const lead = phase.done.get(phase.members[0].workerId)!;
  if (!lead.model) return end(state, { code: 'PROTOCOL_VIOLATION', message: `the lead of the ${phase.name} sent no model` });
  const seconds = (nowMs - phase.startedMs) / 1000;
  const record: PhaseRecord = {
    phase: phase.name, workers: phase.members.length, steps: lead.steps, samples: lead.samples, seconds, samplesPerSecond: lead.samples / seconds, stopped: lead.stopped,
    expectedRowsDigest: phase.expectedRowsDigest, epochs: phase.epochs, test: lead.test, parameters: lead.model.parameters, weightsSha256: lead.weightsSha256,
  };
  const effects: CoordinatorEffect[] = [{ type: 'saveModel', phase: phase.name, model: lead.model, lastGood: false }, notify({ type: 'phaseDone', record })];
  return assignNextPhase({ ...state, phase: undefined }, effects, nowMs);
}

function onFailed(state: CoordinatorState, worker: Worker, message: ToCoordinator & { type: 'failed' }): CoordinatorStep {
  const { error, lastGood } = message;
  const place = [nameOf(worker), ...(message.step === undefined ? [] : [`step ${message.step}`]), ...(message.rank === undefined ? [] : [`rank ${message.rank}`])].join(', ');
  const record: ErrorRecord =
    error.code === 'BUG'
      ? { code: 'WORKER_FAILED', message: `${place}: ${error.message}`, ...(error.stack ? { stack: error.stack } : {}) }
      : { code: error.code as ErrorRecord['code'], message: message.lastGood || isInputError(error.code) ? error.message : `${place}: ${error.message}`, ...(error.next === undefined ? {} : { next: error.next }) };
  const save: CoordinatorEffect[] = lastGood && state.phase ? [{ type: 'saveModel', phase: state.phase.name, model: lastGood, lastGood: true }] : [];
  return end(state, record, save);
}

function onClosed(state: CoordinatorState, link: number, reason: string): CoordinatorStep {
  const worker = state.workers.get(link);
  if (!worker) return { state, effects: [] };
  const workers = new Map(state.workers);
  workers.delete(link);
  const next = { ...state, workers };
  const left = notify({ type: 'left', workerId: worker.workerId, reason });
  if (state.phaseIndex < 0) return { state: next, effects: [left] };
  return end(next, { code: 'WORKER_LOST', message: `${nameOf(worker)} is gone: ${reason || 'its connection closed'}` }, [left]);
}

function onTick(state: CoordinatorState, nowMs: number): CoordinatorStep {
  const silent = [...state.workers.values()].find((worker) => nowMs - worker.heardMs > limits.heartbeatTimeoutMs);
  if (silent) return onClosed(state, silent.link, `it said nothing for ${limits.heartbeatTimeoutMs / 1000} s`);
  if (state.phaseIndex < 0 && nowMs - state.startedMs > state.options.joinTimeoutMs) {
    return end(state, { code: 'WORKERS_MISSING', message: `${joinedWorkers(state).length} of ${state.options.workers} workers joined within ${state.options.joinTimeoutMs / 1000} s` });
  }
  return { state, effects: [] };
}
