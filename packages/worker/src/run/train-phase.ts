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

interface Stage {
  readonly engine: Engine;
  readonly job: Job;
  readonly phase: Phase;
  readonly layout: FlatLayout;
  readonly flatGradient: Float32Array;
  /** Buffers for sums of right children in the tree over the ranks, by depth. */
  readonly scratch: readonly Float32Array[];
}

const ranksOf = ({ schedule }: Phase): number[] => Array.from({ length: schedule.ranks }, (_, rank) => rank);

/** @throws StillhouseError LOSS_NOT_FINITE */
async function takeStep(
  { engine, phase, layout, flatGradient, scratch }: Stage,
  training: TrainingState,
  order: EpochOrder,
): Promise<TrainingState> {
  const { schedule, trainSet } = phase;
  const { step } = training;
  const ranks = ranksOf(phase).map((rank) => ({
    rank,
    rows: roundRowsOf(order, schedule, { step, rank }),
  }));
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

async function metricsOn({ engine, job, phase }: Stage, set: SetName): Promise<Metrics> {
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
  const phase = phaseOf(job, name);
  const { layout, flatGradient, memory } = await engine.build(phase, teacher);
  const depth = treeHeight(phase.schedule.ranks);
  const scratch = memory.allocate(Array<number>(depth).fill(flatGradient.length));
  const stage: Stage = { engine, job, phase, layout, flatGradient, scratch };
  let training = initialTraining(name);
  let order: EpochOrder | undefined;
  for (;;) {
    switch (nextTask(training, phase)) {
      case 'step':
        if (!order || training.step % stepsPerEpoch(phase.schedule) === 0)
          order = epochOrder(phase.schedule, training.step / stepsPerEpoch(phase.schedule));
        training = await takeStep(stage, training, order);
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
