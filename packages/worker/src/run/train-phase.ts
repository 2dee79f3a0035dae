// A phase from start to end in one process, without a cluster: the same decisions, the same schedule and the same tree
// of sums, and so the same bits.
import {
  fromErrorRecord,
  exchangeLearningRate,
  phaseOf,
  type Job,
  type Phase,
  type PhaseName,
  type SetName,
} from '@stillhouse/core';
import { measuresOf, totalMetrics, type Metrics } from '@stillhouse/core/training';
import {
  afterEpoch,
  afterStep,
  afterTest,
  countRows,
  emptyLedger,
  epochOrder,
  initialTraining,
  lossesOf,
  nextTask,
  notFiniteIn,
  rankShare,
  readAccount,
  roundRows,
  roundRowsOf,
  stepsPerEpoch,
  treeHeight,
  type EpochOrder,
  type FlatLayout,
  type TrainingState,
} from '@stillhouse/core/cluster';
import type { Engine } from '../engine/engine.js';

/** A phase whose model an engine has built. */
export interface Stage {
  readonly engine: Engine;
  readonly job: Job;
  readonly phase: Phase;
  readonly layout: FlatLayout;
  readonly flatGradient: Float32Array;
  /** Buffers for sums of right children in the tree over the ranks, by depth. */
  readonly scratch: readonly Float32Array[];
  /** The order of the epoch that a step belongs to. */
  readonly orderAt: (step: number) => EpochOrder;
}

/** The newest order is kept: steps ask for them one after the other. */
function ordersOf({ schedule }: Phase): Stage['orderAt'] {
  let newest: { epoch: number; order: EpochOrder } | undefined;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch(schedule));
    if (newest?.epoch !== epoch) newest = { epoch, order: epochOrder(schedule, epoch) };
    return newest.order;
  };
}

/** @param teacher SHA-256 of the weights of the teacher, for the student */
export async function openStage(
  engine: Engine,
  job: Job,
  { name, teacher }: { name: PhaseName; teacher: string | undefined },
): Promise<Stage> {
  const phase = phaseOf(job, name);
  const { layout, flatGradient, memory } = await engine.build(phase, teacher);
  const depth = treeHeight(phase.schedule.ranks);
  const scratch = memory.allocate(Array<number>(depth).fill(flatGradient.length));
  return { engine, job, phase, layout, flatGradient, scratch, orderAt: ordersOf(phase) };
}

const ranksOf = ({ schedule }: Phase): number[] => Array.from({ length: schedule.ranks }, (_, rank) => rank);

/** @throws StillhouseError LOSS_NOT_FINITE */
export async function takeStep(
  { engine, phase, layout, flatGradient, scratch, orderAt }: Stage,
  training: TrainingState,
): Promise<TrainingState> {
  const { schedule, trainSet } = phase;
  const { step } = training;
  const order = orderAt(step);
  const ranks = ranksOf(phase).map((rank) => ({ rank, rows: roundRowsOf(order, schedule, { step, rank }) }));
  await engine.compute({
    step,
    epoch: Math.floor(step / stepsPerEpoch(schedule)),
    batch: roundRows(schedule, step),
    subtrees: [{ span: { lo: 0, hi: schedule.ranks }, sum: flatGradient }],
    scratch,
    ranks,
    order,
    set: trainSet,
  });
  const losses = lossesOf(flatGradient, layout, schedule.ranks);
  const { ranks: count } = schedule;
  const stepOf = (rank: number): number =>
    step + (readAccount(flatGradient, layout, { ranks: count, rank }).failedStep ?? 0);
  const notFinite = notFiniteIn(losses, { phase, stepOf });
  if (notFinite) throw fromErrorRecord(notFinite.error);
  await engine.apply(step, exchangeLearningRate(phase, step));
  return afterStep(training, phase, {
    loss: losses.reduce((total, value) => total + value, 0),
    ledger: ranks.map(({ rows }) => rows).reduce(countRows, emptyLedger),
  });
}

/** Metrics on all rows of a set. */
export async function metricsOn({ engine, job, phase }: Stage, set: SetName): Promise<Metrics> {
  const { rowCount } = job.dataset.sets[set]!;
  const values = await engine.evaluate({
    set,
    shares: new Map(ranksOf(phase).map((rank) => [rank, rankShare(rowCount, phase.schedule.ranks, rank)])),
  });
  return totalMetrics(measuresOf(job.recipe), values.values(), job.dataset.targets);
}

async function endEpoch(stage: Stage, training: TrainingState): Promise<TrainingState> {
  const { engine, phase } = stage;
  const validation = phase.validationSet ? await metricsOn(stage, phase.validationSet) : undefined;
  const end = afterEpoch(training, phase, { validation, weightsSha256: engine.weightsSha256() });
  if (end.snapshot) engine.keepBest();
  if (end.restore) await engine.restoreBest();
  if (end.correct) await engine.correctBiases();
  return end.training;
}

/**
 * @param teacher SHA-256 of the weights of the teacher, for the student
 * @returns the state at the end, with the metrics on the job's test set; the engine holds the model
 * @throws StillhouseError LOSS_NOT_FINITE, and what the engine throws
 */
export async function trainPhase(engine: Engine, job: Job, name: PhaseName, teacher?: string): Promise<TrainingState> {
  const stage = await openStage(engine, job, { name, teacher });
  let training = initialTraining(name);
  for (;;) {
    switch (nextTask(training, stage.phase)) {
      case 'step':
        training = await takeStep(stage, training);
        break;
      case 'evaluate':
        training = await endEpoch(stage, training);
        break;
      case 'test':
        training = afterTest(training, {
          metrics: await metricsOn(stage, 'test'),
          weightsSha256: engine.weightsSha256(),
        });
        break;
      case 'finish':
        return training;
    }
  }
}
