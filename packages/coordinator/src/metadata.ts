// What others need to feed a model and to read its outputs; stored in model.json as userDefinedMetadata.
import { datasetOf, embeddedModels, type Job, type ModelMetadata, type PhaseName } from '@stillhouse/core';
import { readingOf } from '@stillhouse/core/training';
import type { Dataset } from '@stillhouse/datasets';

/** userDefinedMetadata of model.json. */
export interface StoredMetadata {
  readonly stillhouse: ModelMetadata;
}

export function modelMetadata(
  job: Job,
  { preprocessing, heldOut }: Pick<Dataset, 'preprocessing' | 'heldOut'>,
  phase: PhaseName,
): StoredMetadata {
  const part = phase === 'teacher' ? 'teacher' : 'student';
  const embedded = embeddedModels(job.recipe).find((model) => model.part === part);
  const { inputShape, columns, outputs, targets, classes } = datasetOf(job.dataset, phase);
  return {
    stillhouse: {
      ...readingOf(job.recipe.loss),
      inputShape,
      columns,
      ...(embedded ? { indexCount: embedded.inputDim } : {}),
      outputs,
      targets: targets.map((target, i) => ({
        ...target,
        ...(preprocessing ? { name: preprocessing.targets[i].name } : {}),
      })),
      classes,
      heldOut,
    },
  };
}
