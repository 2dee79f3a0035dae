// The results of a run's models, as commands show them.
import { phaseNames, teacherTestOf, type PhaseName, type RunRecord } from '@stillhouse/core';
import type { Metrics } from '@stillhouse/core/training';

/** What is known only of a model that was trained in the run. */
export interface TrainedFacts {
  readonly parameters: number;
  /** Size of all weights, in bytes. */
  readonly bytes: number;
  readonly weightsSha256: string;
  readonly seconds: number;
  readonly epochs: number;
  /** Why training ended. */
  readonly stopped: string;
}

export interface ModelSummary {
  readonly name: PhaseName;
  readonly test: Metrics;
  /** Undefined for a pretrained teacher. */
  readonly trained: TrainedFacts | undefined;
}

/** In the order teacher, student, baseline; without the models that a run does not have, or not yet. */
export function modelSummaries(record: RunRecord): ModelSummary[] {
  return phaseNames.flatMap((name) => {
    const phase = record[name];
    const test = name === 'teacher' ? teacherTestOf(record) : (phase?.test as Metrics | undefined);
    if (!test) return [];
    const trained = phase && {
      parameters: phase.parameters,
      bytes: phase.bytes,
      weightsSha256: phase.weightsSha256,
      seconds: phase.seconds,
      epochs: phase.epochs.length,
      stopped: phase.stopped,
    };
    return [{ name, test, trained }];
  });
}
