// How a stored model's outputs are read, by the loss that it was trained with: shared by `stillhouse predict` and
// @stillhouse/student, so it names what a loss's outputs are and imports nothing that trains.
import {
  predictBinary,
  predictClass,
  predictGaussian,
  predictNumbers,
  type Prediction,
  type PredictionContext,
} from '../loss/prediction.js';
import { isTargetTransform } from '../loss/target-scale.js';
import type { LossName } from '../loss/losses.js';
import type { ModelMetadata } from './model-metadata.js';

const readers: Readonly<Record<LossName, (outputs: readonly number[], context: PredictionContext) => Prediction>> = {
  mse: predictNumbers,
  mae: predictNumbers,
  huber: predictNumbers,
  gaussian: predictGaussian,
  softmaxCrossEntropy: predictClass,
  binaryCrossEntropy: predictBinary,
};

/** Whether the outputs of a model that was trained with this loss can be read. */
export const canPredict = (loss: unknown): loss is LossName => typeof loss === 'string' && Object.hasOwn(readers, loss);

/** The first transform of a target that cannot be undone, by its name, if another version stored one. */
export const unknownTransform = (targets: readonly { readonly transform?: unknown }[]): string | undefined => {
  const found = targets.find(({ transform }) => transform !== undefined && !isTargetTransform(transform));
  return found && String(found.transform);
};

/** @param outputs of one row */
export const predictionOf = (
  outputs: readonly number[],
  { loss, ...context }: Pick<ModelMetadata, 'loss' | 'outputsPerTarget' | 'classes' | 'targets'>,
): Prediction => readers[loss](outputs, context);
