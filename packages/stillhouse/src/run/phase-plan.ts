// What a phase of a job will do, for code that shows its progress.
import { phaseOf, type Job, type PhaseName } from '@stillhouse/core';
import { roundsPerEpoch, stepsPerEpoch, totalSteps } from '@stillhouse/core/cluster';

export interface PhasePlan {
  /** Rows that an epoch uses. */
  readonly rows: number;
  /** Rows of a step over all ranks. */
  readonly batch: number;
  readonly ranks: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Steps of all epochs. */
  readonly steps: number;
  /** Exchanges of all epochs, if ranks take several steps between them. */
  readonly rounds?: number;
}

export function phasePlan(job: Job, phase: PhaseName): PhasePlan {
  const { schedule } = phaseOf(job, phase);
  const { rowCount, batch, ranks, epochs } = schedule;
  return {
    rows: rowCount,
    batch,
    ranks,
    epochs,
    stepsPerEpoch: stepsPerEpoch(schedule),
    steps: totalSteps(schedule),
    ...(schedule.every === undefined ? {} : { rounds: epochs * roundsPerEpoch(schedule) }),
  };
}
