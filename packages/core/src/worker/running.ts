// A member at work: steps or rounds of them, evaluations, the test and the end of a phase, each an operation of the
// collective.
import { exchangeLearningRate, type SetName } from '../job/job.js';
import { addLedgers, emptyLedger, isLedger } from '../order/ledger.js';
import { limits } from '../error/limits.js';
import { measuresOf, totalMetrics } from '../metric/metrics.js';
import { rankShare, roundSteps } from '../order/schedule.js';
import type { Outgoing } from '../collective/collective.js';
import { lossesOf, readAccount, writeAccount } from '../collective/flat-layout.js';
import type { ToCoordinator } from '../wire/messages.js';
import { afterEpoch, afterStep, afterTest, nextTask } from '../wire/training-state.js';
import { summaryOf, withDuration } from './durations.js';
import { failNotFinite, sendFailure } from './failing.js';
import { notFiniteIn } from './not-finite.js';
import {
  ownRanks,
  send,
  type Running,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerState,
  type Transition,
} from './state.js';

const framesOf = (run: Running, frames: readonly Outgoing[]): WorkerEffect[] =>
  frames.length ? [{ type: 'sendFrames', generation: run.generation, frames }] : [];

const withRun = (state: WorkerState, run: Running): WorkerState => ({
  ...state,
  activity: { ...run, type: run.task === 'finish' ? 'finished' : 'running' },
});

/** Stops and waits for a change of membership; acknowledges it if it has been announced. */
export function park(state: WorkerState, reason: string, effects: readonly WorkerEffect[]): Transition {
  const parked: WorkerState = { ...state, activity: { type: 'paused', reason } };
  return state.boundary === undefined
    ? { state: parked, effects }
    : acknowledge({ ...parked, generation: state.boundary, boundary: undefined }, effects);
}

/** Reports this worker's position. Its links stay until the next generation: peers may still need what it sent. */
export function acknowledge(state: WorkerState, before: readonly WorkerEffect[] = []): Transition {
  const { training, generation } = state;
  const held = training && { phase: training.phase, ops: training.ops };
  return { state, effects: [...before, send({ type: 'paused', generation, ...(held ? { held } : {}) })] };
}

/** Begins the next task. */
export function beginTask(state: WorkerState, run: Running, effects: readonly WorkerEffect[]): Transition {
  const task = nextTask(state.training!, run.phase);
  const next = { ...run, task, contributed: false, stepped: 0 };
  switch (task) {
    case 'step':
      return beginStep(state, next, effects);
    case 'evaluate':
      return beginEvaluation(state, next, run.phase.validationSet, effects);
    case 'test':
      return beginEvaluation(state, next, 'test', effects);
    case 'finish':
      return beginFinish(state, next, effects);
  }
}

function beginStep(state: WorkerState, run: Running, effects: readonly WorkerEffect[]): Transition {
  const { collective, generation } = run;
  const compute: WorkerEffect = {
    type: 'compute',
    generation,
    step: state.training!.step,
    subtrees: collective.ownSubtrees.map((span, index) => ({ span, sum: collective.partials[index]! })),
    scratch: collective.rankScratch,
  };
  return { state: withRun(state, run), effects: [...effects, compute] };
}

function beginEvaluation(
  state: WorkerState,
  run: Running,
  set: SetName | undefined,
  effects: readonly WorkerEffect[],
): Transition {
  const owned = ownRanks(run);
  const rowCount = set ? state.job!.dataset.sets[set]!.rowCount : 0;
  const shares = new Map<number, [number, number]>();
  for (let rank = owned.lo; rank < owned.hi; rank++)
    shares.set(rank, rankShare(rowCount, run.phase.schedule.ranks, rank));
  return {
    state: withRun(state, run),
    effects: [...effects, { type: 'evaluate', generation: run.generation, set, shares }],
  };
}

/** The phase is over; the first member sends the model with its report. */
function beginFinish(state: WorkerState, run: Running, effects: readonly WorkerEffect[]): Transition {
  const finished = withRun(state, run);
  if (state.boundary !== undefined) return park(finished, 'the phase is over', effects);
  return { state: finished, effects: [...effects, ...report(run, state)] };
}

/** The report that the phase is over, for the first time or repeated. */
export function report(run: Running, state: WorkerState): WorkerEffect[] {
  return run.self === 0 ? [{ type: 'export', generation: run.generation }] : [send(doneMessage(state))];
}

export function doneMessage(state: WorkerState): ToCoordinator & { type: 'done' } {
  const { training, dataWaits, exposures, built } = state;
  const { phase, step, samples, test, stopped } = training!;
  const [data, exchange] = [summaryOf(dataWaits), summaryOf(exposures)];
  return {
    type: 'done',
    phase,
    steps: step,
    samples,
    waitedMs: dataWaits.sumMs,
    waits: { steps: dataWaits.count, ...(data ? { data } : {}), ...(exchange ? { exchange } : {}) },
    weightsSha256: test!.weightsSha256,
    test: test!.metrics,
    stopped: stopped!,
    ...(built?.calibration ? { calibration: built.calibration } : {}),
    ...(built?.teacherTest ? { teacherTest: built.teacherTest } : {}),
  };
}

const averaged = (before: number | undefined, ms: number, weight: number): number =>
  before === undefined ? ms : before + weight * (ms - before);

type Speed = Pick<WorkerState, 'rankMs' | 'dataMs' | 'timedSteps' | 'computedMs'>;

/** Steps of the operation that this worker computes. */
const stepsNow = ({ training }: WorkerState, { phase }: Running): number => roundSteps(phase.schedule, training!.step);

/** Milliseconds per micro-batch of a rank, and of waiting for data, averaged over roughly the last seconds. */
function speedAfter(state: WorkerState, step: { rankMs: number; dataMs: number }, nowMs: number): Speed {
  const timedSteps = state.timedSteps + 1;
  const weight = Math.min(1, Math.max(1 / timedSteps, (nowMs - state.computedMs) / limits.speedAverageMs));
  return {
    rankMs: averaged(state.rankMs, step.rankMs, weight),
    dataMs: averaged(state.dataMs, step.dataMs, weight),
    timedSteps,
    computedMs: nowMs,
  };
}

/** The first member reports how far training is, but not too often. */
function tellProgress(
  state: WorkerState,
  run: Running,
  { step, loss }: { step: number; loss?: number },
  nowMs: number,
): Transition {
  const isDue = run.self === 0 && state.link === 'up' && nowMs - state.lastProgressMs >= limits.progressIntervalMs;
  if (!isDue) return { state, effects: [] };
  const { generation } = run;
  const message = { type: 'progress', generation, step, ...(loss === undefined ? {} : { loss }) } as const;
  return { state: { ...state, lastProgressMs: nowMs }, effects: [send(message)] };
}

/** A micro-batch of a round is done. Ranks take their rounds one after the other, so steps are counted by share. */
export function onStepped(state: WorkerState, before: Running, nowMs: number): Transition {
  const { lo, hi } = ownRanks(before);
  const run = { ...before, stepped: before.stepped + 1 };
  const steps = Math.floor(run.stepped / (hi - lo));
  const next = withRun(state, run);
  return steps > 0
    ? tellProgress(next, run, { step: state.training!.step + steps }, nowMs)
    : { state: next, effects: [] };
}

/** A subtree is summed; the next one may still be computed. */
export function onSummed(state: WorkerState, run: Running, event: WorkerEvent & { type: 'summed' }): Transition {
  const { ranks } = run.phase.schedule;
  const { collective } = run;
  const span = collective.ownSubtrees[event.subtree]!;
  // Each rank accounts for the rows that it used; the sum passes the account to all members.
  event.ledgers.forEach((ledger, i) => {
    const at = { ranks, rank: span.lo + i };
    writeAccount(collective.partials[event.subtree]!, run.layout, at, { ledger, yields: state.boundary !== undefined });
  });
  return { state, effects: framesOf(run, collective.contribute(event.subtree)) };
}

/** All subtrees are summed. */
export function onComputed(
  state: WorkerState,
  run: Running,
  event: WorkerEvent & { type: 'computed' },
  nowMs: number,
): Transition {
  const { lo, hi } = ownRanks(run);
  const steps = stepsNow(state, run);
  const [ms, waitedMs] = [event.ms / steps, event.waitedMs / steps];
  const paced: WorkerState =
    hi > lo
      ? {
          ...state,
          dataWaits: withDuration(state.dataWaits, waitedMs, steps),
          ...speedAfter(state, { rankMs: ms / (hi - lo), dataMs: waitedMs }, nowMs),
        }
      : state;
  return settle(paced, { ...run, contributed: true }, framesOf(run, run.collective.begin()), nowMs);
}

export function onEvaluated(
  state: WorkerState,
  run: Running,
  event: WorkerEvent & { type: 'evaluated' },
  nowMs: number,
): Transition {
  return settle(
    state,
    { ...run, contributed: true, weightsSha256: event.weightsSha256 },
    framesOf(run, run.collective.contributeValues(event.values)),
    nowMs,
  );
}

/** Handles a frame of this generation. */
export function onOpFrame(
  state: WorkerState,
  run: Running,
  event: WorkerEvent & { type: 'frame' },
  nowMs: number,
): Transition {
  const { from, frame } = event;
  if (frame.header.type === 'state') return { state, effects: [] };
  return settle(state, run, framesOf(run, run.collective.receive(from, frame.header, frame.data)), nowMs);
}

/** Continues as far as the frames that have arrived allow. */
function settle(state: WorkerState, run: Running, effects: WorkerEffect[], nowMs: number): Transition {
  const { collective, contributed, task } = run;
  const stays: Transition = {
    state:
      state.activity.type === 'ready' ? { ...state, activity: { ...state.activity, ...run } } : withRun(state, run),
    effects,
  };
  if (state.activity.type !== 'running' || !contributed) return stays;
  if (task === 'step' && collective.gradientsWhole) return finishStep(state, run, effects, nowMs);
  if (task === 'evaluate' && collective.values) return finishEpoch(state, run, effects, collective.values);
  if (task === 'test' && collective.values) return finishTest(state, run, effects, collective.values);
  return stays;
}

/** An exchange is the mean over about this many operations. */
const exchangesAveraged = 100;

/** Exposed time per step: what the sum took after this worker's ranks, if others hold ranks as well. */
function exchangeAfter(state: WorkerState, run: Running, nowMs: number): Pick<WorkerState, 'exchange' | 'exposures'> {
  const { lo, hi } = ownRanks(run);
  const { exposures } = state;
  if (run.members.length === 1 || hi === lo) return { exchange: undefined, exposures };
  const { generation } = run;
  const before = state.exchange?.generation === generation ? state.exchange : undefined;
  const steps = (before?.steps ?? 0) + 1;
  const weight = Math.max(1 / steps, 1 / exchangesAveraged);
  const exposedMs = (nowMs - state.computedMs) / stepsNow(state, run);
  return {
    exchange: { generation, steps, ms: averaged(before?.ms, exposedMs, weight) },
    exposures: withDuration(exposures, exposedMs, stepsNow(state, run)),
  };
}

function finishStep(state: WorkerState, run: Running, effects: WorkerEffect[], nowMs: number): Transition {
  const { ranks } = run.phase.schedule;
  const { step } = state.training!;
  const losses = lossesOf(run.flatGradient, run.layout, ranks);
  const accounts = Array.from(losses, (_, rank) => readAccount(run.flatGradient, run.layout, { ranks, rank }));
  const stepOf = (rank: number): number => step + (accounts[rank]?.failedStep ?? 0);
  const notFinite = notFiniteIn(losses, { phase: run.phase, stepOf });
  if (notFinite) {
    const failed = failNotFinite(state, run, notFinite);
    return { ...failed, effects: [...effects, ...failed.effects] };
  }
  const unfit = accounts.findIndex(({ ledger }) => !isLedger(ledger));
  if (unfit >= 0) {
    const message = `rank ${unfit} accounts for rows that cannot be, in step ${step} of the ${run.phase.name}`;
    return sendFailure(state, { type: 'failed', error: { code: 'LEDGER_BROKEN', message }, step, rank: unfit });
  }
  // Every rank's loss is already weighted by its share of the rows.
  const loss = losses.reduce((sum, value) => sum + value, 0);
  run.collective.advance();
  const training = afterStep(state.training!, run.phase, {
    loss,
    ledger: accounts.map(({ ledger }) => ledger).reduce(addLedgers, emptyLedger),
  });
  effects.push({ type: 'apply', step, learningRate: exchangeLearningRate(run.phase, step) });
  const told = tellProgress(state, run, { step: training.step, loss }, nowMs);
  effects.push(...told.effects);
  const next = { ...told.state, training, ...exchangeAfter(state, run, nowMs) };
  return accounts.some(({ yields }) => yields)
    ? park(next, 'all stopped at the end of a step', effects)
    : beginTask(next, run, effects);
}

function finishEpoch(
  state: WorkerState,
  run: Running,
  effects: WorkerEffect[],
  values: readonly Float64Array[],
): Transition {
  run.collective.advance();
  const validation = run.phase.validationSet
    ? totalMetrics(measuresOf(state.job!.recipe), values, state.job!.dataset.targets)
    : undefined;
  const end = afterEpoch(state.training!, run.phase, { validation, weightsSha256: run.weightsSha256 });
  effects.push(send({ type: 'epoch', phase: run.phase.name, report: end.report }));
  if (end.snapshot) effects.push({ type: 'keepBest' });
  if (end.restore) effects.push({ type: 'restoreBest' });
  if (end.correct) effects.push({ type: 'correctBiases' });
  return beginTask({ ...state, training: end.training }, run, effects);
}

function finishTest(
  state: WorkerState,
  run: Running,
  effects: WorkerEffect[],
  values: readonly Float64Array[],
): Transition {
  run.collective.advance();
  const training = afterTest(state.training!, {
    metrics: totalMetrics(measuresOf(state.job!.recipe), values, state.job!.dataset.targets),
    weightsSha256: run.weightsSha256,
  });
  return beginTask({ ...state, training }, run, effects);
}
