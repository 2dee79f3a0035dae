// What others need to feed a model and to read its outputs; stored in model.json as userDefinedMetadata.
import {
  datasetOf,
  type FittedColumn,
  type Job,
  type LossName,
  type PhaseName,
  type TargetScale,
} from '@stillhouse/core';
import type { Preprocessing } from '@stillhouse/datasets';

export interface ModelMetadata {
  readonly stillhouse: {
    readonly loss: LossName;
    /** Shape of one row. */
    readonly inputShape: readonly number[];
    /** How cells of a table, or raw numbers of a tensor, become inputs: `encodeRow` and `encodeCells` of @stillhouse/core. */
    readonly columns: readonly FittedColumn[];
    readonly outputs: number;
    /** A regression prediction is output · deviation + mean; empty if the targets were not scaled. */
    readonly targets: readonly (TargetScale & { readonly name?: string })[];
    /** Names of the classes in the order of the outputs; numbers count from 0 where the data has no names. */
    readonly classes: readonly string[] | null;
  };
}

export function modelMetadata(job: Job, preprocessing: Preprocessing | undefined, phase: PhaseName): ModelMetadata {
  const { inputShape, columns, outputs, targets, classes } = datasetOf(job.dataset, phase);
  return {
    stillhouse: {
      loss: job.recipe.loss,
      inputShape,
      columns,
      outputs,
      targets: targets.map((target, i) => ({
        ...target,
        ...(preprocessing ? { name: preprocessing.targets[i].name } : {}),
      })),
      classes,
    },
  };
}
