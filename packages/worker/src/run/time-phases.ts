// How long the phases of a job would take on one worker: a few steps of each are timed, and an evaluation of a few
// rows.
import { phasesOf, StillhouseError, type Job, type PhaseName, type SetManifest, type SetName } from '@stillhouse/core';
import { initialTraining, totalSteps } from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import type { EngineFactory } from '../engine/engine.js';
import type { FetchBlock } from '../block/fetch-block.js';
import type { PhaseTime } from './phase-time.js';
import { metricsOn, openStage, takeStep, type Stage } from './train-phase.js';

export interface TimedPhase {
  readonly phase: PhaseName;
  readonly time: PhaseTime;
}

export interface PhaseTimingOptions {
  /** No phase begins another step after this time. */
  readonly stepsMs: number;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal | undefined;
}

const mostSteps = 1000;
const evaluatedRows = 1000;

/** The rows of a set that are evaluated to time it. */
function sampleOf(set: SetManifest): SetManifest {
  const rowCount = Math.min(set.rowCount, evaluatedRows);
  const rows = set.selection ?? Array.from({ length: rowCount }, (_, row) => row);
  return { ...set, rowCount, selection: rows.slice(0, rowCount) };
}

const evaluated: readonly SetName[] = ['test', 'largeValidation', 'smallValidation'];

/** The job with at most 1,000 rows in each set that is only evaluated. */
function sampledJob(job: Job): Job {
  const { sets } = job.dataset;
  const samples = evaluated.flatMap((name) => (sets[name] ? [[name, sampleOf(sets[name])] as const] : []));
  return { ...job, dataset: { ...job.dataset, sets: { ...sets, ...Object.fromEntries(samples) } } };
}

/** The first half of the steps warms up: engines compile kernels and record graphs, and V8 optimises. */
async function timeSteps(
  stage: Stage,
  options: PhaseTimingOptions,
): Promise<{ timed: number; secondsPerStep: number }> {
  const { phase } = stage;
  const most = Math.min(totalSteps(phase.schedule), mostSteps);
  const taken: { seconds: number; steps: number }[] = [];
  const startMs = performance.now();
  let training = initialTraining(phase.name);
  do {
    const [stepMs, { step }] = [performance.now(), training];
    training = await takeStep(stage, training);
    taken.push({ seconds: (performance.now() - stepMs) / 1000, steps: training.step - step });
    options.signal?.throwIfAborted();
  } while (training.step < most && performance.now() - startMs < options.stepsMs);
  const timed = taken.slice(Math.floor(taken.length / 2));
  const steps = timed.reduce((sum, each) => sum + each.steps, 0);
  return { timed: steps, secondsPerStep: timed.reduce((sum, each) => sum + each.seconds, 0) / steps };
}

/** Seconds per evaluated row; the second time, because the first one warms up. */
async function timeEvaluation(stage: Stage, set: SetName): Promise<number> {
  await metricsOn(stage, set);
  const startMs = performance.now();
  await metricsOn(stage, set);
  return (performance.now() - startMs) / 1000 / stage.job.dataset.sets[set]!.rowCount;
}

async function timePhase(stage: Stage, whole: Job, options: PhaseTimingOptions): Promise<PhaseTime> {
  const { phase } = stage;
  const { timed, secondsPerStep } = await timeSteps(stage, options);
  const secondsFor = async (set: SetName | undefined): Promise<number> =>
    set && whole.dataset.sets[set] ? whole.dataset.sets[set].rowCount * (await timeEvaluation(stage, set)) : 0;
  const { epochs } = phase.schedule;
  const steps = totalSteps(phase.schedule) * secondsPerStep;
  const evaluations = epochs * (await secondsFor(phase.validationSet)) + (await secondsFor('test'));
  return { timedSteps: timed, secondsPerStep, seconds: steps + evaluations };
}

/** A student's loss that is not finite says nothing here: its teacher is not trained. */
function refuse(error: unknown, phase: PhaseName): void {
  if (phase === 'student' && error instanceof StillhouseError && error.code === 'LOSS_NOT_FINITE') return;
  throw error;
}

/**
 * Trains each phase for a moment, a student with a teacher that is hardly trained, on the engine that a run would use.
 * A step takes as long as it takes: a slow one is waited for.
 * @returns the phases in their order; without a student whose loss is not finite
 * @throws StillhouseError LOSS_NOT_FINITE of the first steps, and what the engine throws; the signal's reason
 */
export async function timePhases(
  job: Job,
  {
    factory,
    fetchBlock,
    yieldToEvents,
  }: { factory: EngineFactory; fetchBlock: FetchBlock; yieldToEvents: () => Promise<void> },
  options: PhaseTimingOptions,
): Promise<TimedPhase[]> {
  const sampled = sampledJob(job);
  const engine = await factory(sampled, fetchBlock, yieldToEvents);
  const timed: TimedPhase[] = [];
  let teacher: string | undefined;
  try {
    for (const name of phasesOf(job.recipe)) {
      const stage = await openStage(engine, sampled, { name, teacher });
      try {
        timed.push({ phase: name, time: await timePhase(stage, job, options) });
      } catch (error) {
        refuse(error, name);
      }
      if (name === 'teacher') teacher = sha256((await engine.exportModel()).data);
    }
    return timed;
  } finally {
    await engine.dispose();
  }
}
