// What a worker decides: a pure machine. An event goes in, the next state and the effects to perform come out.
// The shell (packages/worker) performs effects and decides nothing. docs/protocol.md draws the states.
import { decideEarlyStopping } from '../early-stopping.js';
import { invariant, StillhouseError, type ErrorRecord } from '../errors.js';
import { phaseLearningRate, phaseOf, type Job, type Phase, type SetName } from '../job.js';
import { countRows, emptyLedger, type Ledger } from '../ledger.js';
import { limits } from '../limits.js';
import { finishMetrics, type Metrics, type MetricSums } from '../metrics.js';
import { batchRows, epochPermutation, rankRows, rankShare, stepsPerEpoch, totalSteps } from '../schedule.js';
import type { Permutation } from '../permutation.js';
import type { Span } from '../tree.js';
import { Collective, type Outgoing } from './collective.js';
import type { MeshFrame } from './frames.js';
import { protocolVersion, type ExportedModel, type Member, type ToCoordinator, type ToWorker } from './messages.js';

/** The parts of the flat buffer that is summed over ranks: gradients, then other weights, then one loss per rank. */
export interface FlatLayout {
  readonly gradients: number;
  readonly otherWeights: number;
}

export interface RankRows {
  readonly rank: number;
  readonly rows: readonly number[];
}

export type WorkerEvent =
  | { readonly type: 'opened'; readonly version: string; readonly token: string; readonly host: string }
  | { readonly type: 'message'; readonly message: ToWorker }
  | { readonly type: 'loaded'; readonly fingerprint: string; readonly choice: string; readonly meshAddress: string }
  | { readonly type: 'prepared'; readonly layout: FlatLayout; readonly sum: Float32Array; readonly weightsSha256: string }
  | { readonly type: 'computed'; readonly partials: readonly Float32Array[] }
  | { readonly type: 'frame'; readonly from: number; readonly frame: MeshFrame }
  | { readonly type: 'evaluated'; readonly values: ReadonlyMap<number, MetricSums>; readonly weightsSha256: string }
  | { readonly type: 'exported'; readonly model: ExportedModel }
  | { readonly type: 'failed'; readonly error: ErrorRecord }
  /** The link with another member broke, rather than being closed at the end of a phase. */
  | { readonly type: 'peerLost'; readonly from: number; readonly reason: string }
  | { readonly type: 'coordinatorLost'; readonly reason: string }
  | { readonly type: 'heartbeatDue' };

export type WorkerEffect =
  | { readonly type: 'send'; readonly message: ToCoordinator }
  | { readonly type: 'sendFrames'; readonly frames: readonly Outgoing[] }
  /** Load the engine that fits the job, and listen for peers. Answer: loaded. */
  | { readonly type: 'load'; readonly job: Job; readonly meshToken: string }
  /** Build the phase's model and connect with the other members. Answer: prepared. */
  | { readonly type: 'prepare'; readonly job: Job; readonly phase: Phase; readonly generation: number; readonly members: readonly Member[]; readonly self: number }
  /** Sum the gradients of each subtree. Answer: computed. */
  | { readonly type: 'compute'; readonly step: number; readonly epoch: number; readonly batch: number; readonly subtrees: readonly Span[]; readonly ranks: readonly RankRows[]; readonly set: SetName }
  /** Take an optimiser step with the summed gradient. No answer, but failed with LOSS_NOT_FINITE if weights overflow. */
  | { readonly type: 'apply'; readonly step: number; readonly learningRate: number }
  /** Sum the metrics of rows [first, end) of a set per rank, and hash the weights. Answer: evaluated. */
  | { readonly type: 'evaluate'; readonly set: SetName | undefined; readonly shares: ReadonlyMap<number, readonly [number, number]> }
  /** Keep a copy of the weights, or go back to it. No answer. */
  | { readonly type: 'snapshot' | 'restore' }
  /** Hand out the model. Answer: exported. */
  | { readonly type: 'export' }
  | { readonly type: 'leaveMesh' }
  | { readonly type: 'exit'; readonly error: ErrorRecord | undefined };

type Stage = 'joining' | 'loading' | 'idle' | 'preparing' | 'ready' | 'training' | 'evaluating' | 'testing' | 'exporting' | 'failing' | 'stopped';

interface PhaseRun {
  readonly generation: number;
  readonly phase: Phase;
  readonly self: number;
  readonly members: readonly Member[];
  readonly layout: FlatLayout;
  readonly sum: Float32Array;
  readonly collective: Collective;
  readonly step: number;
  readonly permutation: Permutation;
  readonly ranks: readonly RankRows[];
  readonly ledger: Ledger;
  readonly lossSum: number;
  readonly samples: number;
  readonly history: readonly Metrics[];
  readonly weightsSha256: string;
  readonly stopped: string;
  readonly test: Metrics | undefined;
  /** Why the phase cannot go on, while the last good weights are exported. */
  readonly failure: { readonly error: ErrorRecord; readonly rank?: number } | undefined;
}

export interface WorkerState {
  readonly stage: Stage;
  readonly workerId: string;
  readonly job: Job | undefined;
  readonly assigned: { readonly generation: number; readonly phase: Phase; readonly members: readonly Member[]; readonly self: number } | undefined;
  readonly run: PhaseRun | undefined;
  readonly lastProgressMs: number;
}

export interface WorkerStep {
  readonly state: WorkerState;
  readonly effects: readonly WorkerEffect[];
}

export const initialWorkerState: WorkerState = { stage: 'joining', workerId: '', job: undefined, assigned: undefined, run: undefined, lastProgressMs: -Infinity };

const send = (message: ToCoordinator): WorkerEffect => ({ type: 'send', message });
const frames = (outgoing: readonly Outgoing[]): WorkerEffect[] => (outgoing.length ? [{ type: 'sendFrames', frames: outgoing }] : []);
const violation = (message: string): StillhouseError => new StillhouseError('PROTOCOL_VIOLATION', message);

/** @param nowMs the clock, for pacing only: it cannot change what is computed */
export function workerStep(state: WorkerState, event: WorkerEvent, nowMs: number): WorkerStep {
  if (state.stage === 'stopped') return { state, effects: [] };
  switch (event.type) {
    case 'opened':
      return { state, effects: [send({ type: 'hello', protocol: protocolVersion, version: event.version, token: event.token, host: event.host })] };
    case 'message':
      return onMessage(state, event.message);
    case 'loaded':
      return { state: { ...state, stage: 'idle' }, effects: [send({ type: 'join', fingerprint: event.fingerprint, choice: event.choice, meshAddress: event.meshAddress })] };
    case 'prepared':
      return onPrepared(state, event);
    case 'computed':
      return withRun(state, (run) => settle(state, run, frames(run.collective.contributePartials(event.partials)), nowMs));
    case 'frame':
      return withRun(state, (run) => settle(state, run, frames(run.collective.receive(event.from, event.frame)), nowMs));
    case 'evaluated':
      return withRun(state, (run) => settle(state, { ...run, weightsSha256: event.weightsSha256 }, frames(run.collective.contributeValues(event.values)), nowMs));
    case 'exported':
      return onExported(state, event.model);
    case 'failed':
      return onFailed(state, event.error);
    case 'peerLost':
      return withRun(state, (run) => onFailed(state, { code: 'WORKER_LOST', message: `the link with worker ${run.members[event.from].workerId} broke: ${event.reason || 'no reason given'}` }));
    case 'coordinatorLost':
      return stop(state, { code: 'COORDINATOR_LOST', message: `the connection to the coordinator closed: ${event.reason || 'no reason given'}` });
    case 'heartbeatDue':
      return { state, effects: [send({ type: 'heartbeat' })] };
  }
}

function withRun(state: WorkerState, then: (run: PhaseRun) => WorkerStep): WorkerStep {
  // Between phases a late frame or answer has nobody to go to.
  return state.run ? then(state.run) : { state, effects: [] };
}

function stop(state: WorkerState, error: ErrorRecord | undefined): WorkerStep {
  return { state: { ...state, stage: 'stopped', run: undefined }, effects: [{ type: 'leaveMesh' }, { type: 'exit', error }] };
}

function onMessage(state: WorkerState, message: ToWorker): WorkerStep {
  switch (message.type) {
    case 'welcome':
      if (state.stage !== 'joining') throw violation(`welcome in stage ${state.stage}`);
      return { state: { ...state, stage: 'loading', workerId: message.workerId, job: message.job }, effects: [{ type: 'load', job: message.job, meshToken: message.meshToken }] };
    case 'assign': {
      if (state.stage !== 'idle' || !state.job) throw violation(`assign in stage ${state.stage}`);
      const self = message.members.findIndex((member) => member.workerId === state.workerId);
      if (self < 0) throw violation('assigned to a phase without being a member');
      const phase = phaseOf(state.job, message.phase);
      const assigned = { generation: message.generation, phase, members: message.members, self };
      return { state: { ...state, stage: 'preparing', assigned, run: undefined }, effects: [{ type: 'prepare', job: state.job, ...assigned }] };
    }
    case 'start': {
      const run = state.run;
      if (state.stage !== 'ready' || !run || run.generation !== message.generation) throw violation(`start of generation ${message.generation} in stage ${state.stage}`);
      return beginStep({ ...state, stage: 'training' }, run, message.step, []);
    }
    case 'rejected':
    case 'stop':
      return stop(state, message.error as ErrorRecord | undefined);
    case 'block':
      return { state, effects: [] };
  }
}

function onPrepared(state: WorkerState, event: WorkerEvent & { type: 'prepared' }): WorkerStep {
  const assigned = state.assigned;
  invariant(state.stage === 'preparing' && assigned, `prepared in stage ${state.stage}`);
  const { generation, phase, members, self } = assigned;
  const { ranks } = phase.schedule;
  invariant(event.sum.length === event.layout.gradients + event.layout.otherWeights + ranks, 'the flat buffer fits its layout');
  const collective = new Collective({ generation, ranks, members: members.map((member) => member.ranks), self, out: event.sum });
  const run: PhaseRun = {
    generation, phase, self, members, layout: event.layout, sum: event.sum, collective,
    step: 0, permutation: epochPermutation(phase.schedule, 0), ranks: [], ledger: emptyLedger, lossSum: 0, samples: 0,
    history: [], weightsSha256: event.weightsSha256, stopped: 'all epochs done', test: undefined, failure: undefined,
  };
  const ready = send({ type: 'ready', generation, step: 0, parameters: event.layout.gradients, weightsSha256: event.weightsSha256 });
  return { state: { ...state, stage: 'ready', run }, effects: [ready] };
}

/** Goes on as far as what has arrived allows. */
function settle(state: WorkerState, run: PhaseRun, effects: WorkerEffect[], nowMs: number): WorkerStep {
  if (state.stage === 'training' && run.collective.gradientsWhole) return finishStep(state, run, effects, nowMs);
  if (state.stage === 'evaluating' && run.collective.values) return finishEpoch(state, run, effects, run.collective.values);
  if (state.stage === 'testing' && run.collective.values) return finishTest(state, run, effects, run.collective.values);
  return { state: { ...state, run }, effects };
}

function beginStep(state: WorkerState, run: PhaseRun, step: number, effects: WorkerEffect[]): WorkerStep {
  const { schedule, trainSet } = run.phase;
  const epoch = Math.floor(step / stepsPerEpoch(schedule));
  const permutation = step % stepsPerEpoch(schedule) === 0 ? epochPermutation(schedule, epoch) : run.permutation;
  const owned = run.members[run.self].ranks;
  const ranks = Array.from({ length: owned.hi - owned.lo }, (_, i) => ({ rank: owned.lo + i, rows: rankRows(schedule, permutation, { step, rank: owned.lo + i }) }));
  const compute: WorkerEffect = { type: 'compute', step, epoch, batch: batchRows(schedule, step), subtrees: run.collective.ownSubtrees, ranks, set: trainSet };
  return { state: { ...state, stage: 'training', run: { ...run, step, permutation, ranks } }, effects: [...effects, compute] };
}

function finishStep(state: WorkerState, run: PhaseRun, effects: WorkerEffect[], nowMs: number): WorkerStep {
  const { schedule } = run.phase;
  const losses = run.sum.subarray(run.layout.gradients + run.layout.otherWeights);
  const badRank = losses.findIndex((loss) => !Number.isFinite(loss));
  if (badRank >= 0) {
    const error = { code: 'LOSS_NOT_FINITE', message: `the loss or gradient of the ${run.phase.name} is not a finite number at step ${run.step}, rank ${badRank}` } as const;
    const failed = failNotFinite(state, run, { error, rank: badRank });
    return { ...failed, effects: [...effects, ...failed.effects] };
  }
  // Every rank's loss is already weighted by its share of the batch.
  const loss = losses.reduce((sum, value) => sum + value, 0);
  const batch = batchRows(schedule, run.step);
  const ledger = run.ranks.reduce((sum, { rows }) => countRows(sum, rows), run.ledger);
  run.collective.advance();
  const next = { ...run, ledger, lossSum: run.lossSum + loss * batch, samples: run.samples + batch };
  const learningRate = phaseLearningRate(run.phase, run.step);
  effects.push({ type: 'apply', step: run.step, learningRate });
  const due = run.self === 0 && nowMs - state.lastProgressMs >= limits.progressIntervalMs;
  if (due) effects.push(send({ type: 'progress', generation: run.generation, step: run.step + 1, loss }));
  const paced = due ? { ...state, lastProgressMs: nowMs } : state;
  if ((run.step + 1) % stepsPerEpoch(schedule) !== 0) return beginStep(paced, next, run.step + 1, effects);
  return beginEvaluation({ ...paced, stage: 'evaluating' }, next, run.phase.validationSet, effects);
}

function beginEvaluation(state: WorkerState, run: PhaseRun, set: SetName | undefined, effects: WorkerEffect[]): WorkerStep {
  const owned = run.members[run.self].ranks;
  const rowCount = set ? state.job!.dataset.sets[set]!.rowCount : 0;
  const shares = new Map<number, [number, number]>();
  for (let rank = owned.lo; rank < owned.hi; rank++) shares.set(rank, rankShare(rowCount, run.phase.schedule.ranks, rank));
  return { state: { ...state, run }, effects: [...effects, { type: 'evaluate', set, shares }] };
}

/** Adds up the sums of all ranks, in rank order. */
function totalMetrics(job: Job, run: PhaseRun, values: readonly Float64Array[]): Metrics {
  const total = new Float64Array(values[0].length);
  for (const sums of values) for (let i = 0; i < total.length; i++) total[i] += sums[i];
  return finishMetrics(run.phase.loss, total, job.dataset.targets);
}

function finishEpoch(state: WorkerState, run: PhaseRun, effects: WorkerEffect[], values: readonly Float64Array[]): WorkerStep {
  const { schedule, earlyStopping, validationSet } = run.phase;
  run.collective.advance();
  const epoch = Math.floor(run.step / stepsPerEpoch(schedule));
  const validation = validationSet ? totalMetrics(state.job!, run, values) : undefined;
  const history = validation ? [...run.history, validation] : run.history;
  effects.push(send({
    type: 'epoch', generation: run.generation, epoch, ledger: run.ledger, weightsSha256: run.weightsSha256,
    trainLoss: run.lossSum / schedule.rowCount, learningRate: phaseLearningRate(run.phase, run.step), ...(validation ? { validation } : {}),
  }));
  const next = { ...run, history, ledger: emptyLedger, lossSum: 0 };
  const decision = earlyStopping && decideEarlyStopping(earlyStopping, history);
  if (earlyStopping?.restoreBest && decision?.improved) effects.push({ type: 'snapshot' });
  const last = run.step + 1 >= totalSteps(schedule);
  if (!last && !decision?.stop) return beginStep(state, next, run.step + 1, effects);
  if (earlyStopping?.restoreBest) effects.push({ type: 'restore' });
  const stopped = decision?.stop && !last ? `stopped after epoch ${epoch}: ${decision.reason}` : run.stopped;
  return beginEvaluation({ ...state, stage: 'testing' }, { ...next, stopped }, 'test', effects);
}

function finishTest(state: WorkerState, run: PhaseRun, effects: WorkerEffect[], values: readonly Float64Array[]): WorkerStep {
  run.collective.advance();
  const next = { ...run, test: totalMetrics(state.job!, run, values) };
  if (run.self === 0) return { state: { ...state, stage: 'exporting', run: next }, effects: [...effects, { type: 'export' }] };
  return { state: { ...state, stage: 'idle', run: undefined }, effects: [...effects, { type: 'leaveMesh' }, doneMessage(next)] };
}

function doneMessage(run: PhaseRun, model?: ExportedModel): WorkerEffect {
  const { generation, step, samples, weightsSha256, stopped } = run;
  return send({ type: 'done', generation, steps: step + 1, samples, weightsSha256, test: run.test!, stopped, ...(model ? { model } : {}) });
}

function onExported(state: WorkerState, model: ExportedModel): WorkerStep {
  return withRun(state, (run) => {
    if (!run.failure) return { state: { ...state, stage: 'idle', run: undefined }, effects: [{ type: 'leaveMesh' }, doneMessage(run, model)] };
    return { state, effects: [send({ type: 'failed', ...run.failure, step: run.step, lastGood: model })] };
  });
}

/** The engine's model still holds the weights of the step before, the last good ones: they are handed out before the run ends. */
function failNotFinite(state: WorkerState, run: PhaseRun, failure: PhaseRun['failure']): WorkerStep {
  return { state: { ...state, stage: 'failing', run: { ...run, failure } }, effects: run.self === 0 ? [{ type: 'export' }] : [] };
}

function onFailed(state: WorkerState, error: ErrorRecord): WorkerStep {
  if (state.stage === 'failing') return { state, effects: [] };
  if (error.code === 'LOSS_NOT_FINITE' && state.run) return failNotFinite(state, state.run, { error });
  return { state: { ...state, stage: 'failing' }, effects: [send({ type: 'failed', error, ...(state.run ? { step: state.run.step } : {}) })] };
}
