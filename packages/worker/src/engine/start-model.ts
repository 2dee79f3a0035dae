// A phase's model at the start of training: a function of the job, and of the teacher whose layers it copies.
import type * as tf from '@tensorflow/tfjs';
import { datasetOf, hashName, hashWords, phaseSeed, type Job, type Phase, type PhaseName } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { copyLayers } from '../distill/copied-layers.js';
import { biasesOf } from '../distill/teacher/correct-biases.js';
import type { Teacher } from '../distill/teacher/teacher.js';
import { buildModel } from '../model/model.js';

/** The part of the recipe that describes a phase's model. */
export const partOf = (name: PhaseName): 'teacher' | 'student' => (name === 'teacher' ? 'teacher' : 'student');

/** @throws StillhouseError MODEL_INVALID, MODEL_MODULE, MODEL_SHAPE, MODEL_LAYER */
export async function startModel(
  job: Job,
  { name, config, distill }: Phase,
  teacher: Teacher | undefined,
): Promise<tf.LayersModel> {
  const part = partOf(name);
  const { inputShape, outputs } = datasetOf(job.dataset, name);
  const model = await buildModel({
    part,
    config: config.model,
    asset: job.assets[part],
    inputShape,
    outputs,
    loss: lossOf(job.recipe.loss),
    seed: hashWords(phaseSeed(job.recipe, name), hashName('start weights')),
  });
  if (distill?.copy) copyLayers(model, teacher?.layersModel, distill.copy);
  if (distill?.correctBiases) biasesOf(model);
  return model;
}
