// What goes with a model so that others can feed it and read its outputs: stored in model.json as userDefinedMetadata.
import type { Job, LossName, TargetScale } from '@stillhouse/core';
import type { Preprocessing } from '@stillhouse/datasets';

export interface ModelMetadata {
  readonly stillhouse: {
    readonly loss: LossName;
    /** Shape of one row; multiply raw values by `scale`. */
    readonly inputShape: readonly number[];
    readonly scale: number;
    readonly outputs: number;
    /** A prediction of regression is output · deviation + mean; empty where the targets were not scaled. */
    readonly targets: readonly TargetScale[];
    /** Names of the classes in the order of the outputs; numbers count from 0 where the data has no names. */
    readonly classes: readonly string[] | null;
    /** How the columns of a table become inputs; null where rows are numbers already. */
    readonly preprocessing: Preprocessing | null;
  };
}

export function modelMetadata(job: Job, preprocessing: Preprocessing | undefined): ModelMetadata {
  const { inputShape, scale, outputs, targets } = job.dataset;
  return { stillhouse: { loss: job.recipe.loss, inputShape, scale, outputs, targets, classes: preprocessing?.classes ?? null, preprocessing: preprocessing ?? null } };
}
