// The position of a phase: the small state that every member holds besides weights and optimiser, and that travels with
// them. It alone decides what comes next, so a worker that takes over continues as its predecessor would have.
import { decideEarlyStopping } from '../job/early-stopping.js';
import { phaseLearningRate, type Phase } from '../job/job.js';
import type { PhaseName } from '../job/phase-name.js';
import { addLedgers, emptyLedger, type Ledger } from '../order/ledger.js';
import type { Metrics } from '../metric/metrics.js';
import { roundRows, roundSteps, stepsPerEpoch, totalSteps } from '../order/schedule.js';

export interface EpochReport {
  readonly epoch: number;
  /** Over the rows of all ranks. */
  readonly ledger: Ledger;
  readonly trainLoss: number;
  readonly learningRate: number;
  readonly weightsSha256: string;
  readonly validation?: Metrics | undefined;
}

export interface TrainingState {
  readonly phase: PhaseName;
  /** Number of finished operations (steps or rounds of them, evaluations, the test), as the collective counts them. */
  readonly ops: number;
  readonly step: number;
  /** Ledger of the current epoch. */
  readonly ledger: Ledger;
  readonly lossSum: number;
  readonly samples: number;
  readonly epochs: readonly EpochReport[];
  /** Why training ended, once it has. */
  readonly stopped?: string | undefined;
  /** The end of the phase. */
  readonly test?: { readonly metrics: Metrics; readonly weightsSha256: string } | undefined;
}

export const initialTraining = (phase: PhaseName): TrainingState => ({
  phase,
  ops: 0,
  step: 0,
  ledger: emptyLedger,
  lossSum: 0,
  samples: 0,
  epochs: [],
});

export type Task = 'step' | 'evaluate' | 'test' | 'finish';

export function nextTask(training: TrainingState, { schedule }: Phase): Task {
  if (training.test) return 'finish';
  if (training.stopped !== undefined) return 'test';
  return training.step > 0 &&
    training.step % stepsPerEpoch(schedule) === 0 &&
    training.epochs.length < training.step / stepsPerEpoch(schedule)
    ? 'evaluate'
    : 'step';
}

/**
 * After a step, or after a round of local steps.
 * @param done.loss mean loss of its rows
 * @param done.ledger of the rows that its ranks used
 */
export function afterStep(
  training: TrainingState,
  { schedule }: Phase,
  done: { loss: number; ledger: Ledger },
): TrainingState {
  const rows = roundRows(schedule, training.step);
  return {
    ...training,
    ops: training.ops + 1,
    step: training.step + roundSteps(schedule, training.step),
    samples: training.samples + rows,
    ledger: addLedgers(training.ledger, done.ledger),
    lossSum: training.lossSum + done.loss * rows,
  };
}

/** What the end of an epoch decides, in addition to the state after it. */
export interface EpochEnd {
  readonly training: TrainingState;
  readonly report: EpochReport;
  /** Keep a copy of the weights: they are the best so far. */
  readonly snapshot: boolean;
  /** Go back to the best weights: training is over. */
  readonly restore: boolean;
  /** Correct the student's biases: training is over. */
  readonly correct: boolean;
}

export function afterEpoch(
  training: TrainingState,
  phase: Phase,
  done: { validation: Metrics | undefined; weightsSha256: string },
): EpochEnd {
  const { schedule, earlyStopping } = phase;
  const epoch = training.epochs.length;
  const { validation, weightsSha256 } = done;
  const report: EpochReport = {
    epoch,
    ledger: training.ledger,
    trainLoss: training.lossSum / schedule.rowCount,
    learningRate: phaseLearningRate(phase, training.step - 1),
    weightsSha256,
    ...(validation ? { validation } : {}),
  };
  const epochs = [...training.epochs, report];
  const decision =
    earlyStopping &&
    decideEarlyStopping(
      earlyStopping,
      epochs.flatMap((each) => each.validation ?? []),
    );
  const last = training.step >= totalSteps(schedule);
  const isOver = last || decision?.stop === true;
  const stopped = decision?.stop && !last ? `stopped after epoch ${epoch + 1}: ${decision.reason}` : 'all epochs done';
  const restoresBest = earlyStopping?.restoreBest === true;
  return {
    training: {
      ...training,
      ops: training.ops + 1,
      ledger: emptyLedger,
      lossSum: 0,
      epochs,
      ...(isOver ? { stopped } : {}),
    },
    report,
    snapshot: restoresBest && decision?.improved === true,
    restore: restoresBest && isOver,
    correct: isOver && phase.distill?.correctBiases === true,
  };
}

export function afterTest(training: TrainingState, test: { metrics: Metrics; weightsSha256: string }): TrainingState {
  return { ...training, ops: training.ops + 1, test };
}
