// Trains one zero row of each model of a job, to show whether a backend has every kernel before the run depends on it.
import { tf } from '@stillhouse/native/tfjs';
import { datasetOf, phaseOf, phasesOf, type DatasetManifest, type Job } from '@stillhouse/core';
import type { Batch } from '@stillhouse/datasets';
import { MissingKernel, missingKernelOf } from '../backend/missing-kernel.js';
import type { FetchBlock } from '../block/fetch-block.js';
import { pretrainedTeacherOf } from '../distill/teacher/pretrained.js';
import { LayersTeacher } from '../distill/teacher/teacher.js';
import type { Objective } from '../objective/objective.js';
import { tensorsOf } from './micro-batch.js';
import { objectiveOf } from './phase-objective.js';
import { startModel } from './start-model.js';

const zerosOf = ({ inputShape, labelCount }: DatasetManifest): Batch => ({
  rows: 1,
  x: new Float32Array(inputShape.reduce((product, size) => product * size, 1)),
  y: new Float32Array(labelCount),
});

async function trainZeros(model: tf.LayersModel, objective: Objective, dataset: DatasetManifest): Promise<void> {
  const batch = await objective.prepare({ ...tensorsOf(zerosOf(dataset), dataset), epoch: 0 });
  const weights = [...model.trainableWeights, ...objective.weights].map((weight) => weight.read() as tf.Variable);
  tf.tidy(() => tf.variableGrads(batch.loss, weights));
  tf.dispose([...batch.inputs, ...objective.weights.map((weight) => weight.read())]);
}

/** The first layer of a model that lacks a kernel when it is trained by itself. */
function untrainableLayer(model: tf.LayersModel): string | undefined {
  const isUntrainable = (layer: tf.layers.Layer): boolean => {
    const [batch, ...shape] = layer.input instanceof tf.SymbolicTensor ? layer.input.shape : [];
    if (batch === undefined || shape.includes(null)) return false;
    const input = tf.variable(tf.zeros([1, ...(shape as number[])]));
    const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
    try {
      tf.tidy(() =>
        tf.variableGrads(() => tf.sum(layer.apply(input, { training: true }) as tf.Tensor), [input, ...weights]),
      );
      return false;
    } catch (error) {
      return missingKernelOf(error) !== undefined;
    } finally {
      input.dispose();
    }
  };
  return model.layers.find(isUntrainable)?.name;
}

/** @throws MissingKernel naming the layer that needs it, if that shows */
async function tryToTrain(part: string, model: tf.LayersModel, train: () => Promise<void>): Promise<void> {
  try {
    await train();
  } catch (error) {
    const missing = missingKernelOf(error);
    if (!missing) throw error;
    const layer = untrainableLayer(model);
    throw new MissingKernel(missing.kernel, layer && `the ${part}'s layer ${layer}`, error);
  }
}

/** @throws StillhouseError as building the models does; MissingKernel if the backend lacks one */
export async function probe(job: Job, fetchBlock: FetchBlock): Promise<void> {
  const models: tf.LayersModel[] = [];
  const pretrained = await pretrainedTeacherOf(job, fetchBlock);
  let teacher = pretrained;
  try {
    for (const name of phasesOf(job.recipe)) {
      // The baseline has the student's model.
      if (name === 'baseline') continue;
      const phase = phaseOf(job, name);
      const model = await startModel(job, phase, teacher);
      models.push(model);
      const objective = objectiveOf(job, phase, { model, teacher });
      if (name === 'teacher') teacher = new LayersTeacher(model);
      await tryToTrain(name, model, () => trainZeros(model, objective, datasetOf(job.dataset, name)));
    }
  } finally {
    for (const model of models) model.dispose();
    pretrained?.dispose();
  }
}
