// Trains one zero row of each model of a job, to show whether a backend has every kernel before the run depends on it.
import { tf } from '@stillhouse/native/tfjs';
import {
  datasetOf,
  firstLineOf,
  phaseOf,
  phasesOf,
  StillhouseError,
  type DatasetManifest,
  type Job,
  type PhaseName,
} from '@stillhouse/core';
import type { Batch } from '@stillhouse/datasets';
import { MissingKernel, missingKernelOf } from '../backend/missing-kernel.js';
import type { FetchBlock } from '../block/fetch-block.js';
import { pretrainedTeacherOf } from '../distill/teacher/pretrained.js';
import { LayersTeacher } from '../distill/teacher/teacher.js';
import { flatSizes } from '../flat/model.js';
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

/** Why a layer cannot be trained by itself; undefined if it can, or if its inputs are not known. */
function obstacleOf(layer: tf.layers.Layer): unknown {
  const [batch, ...shape] = layer.input instanceof tf.SymbolicTensor ? layer.input.shape : [];
  if (batch === undefined || shape.includes(null)) return undefined;
  const input = tf.variable(tf.zeros([1, ...(shape as number[])]));
  const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
  try {
    tf.tidy(() =>
      tf.variableGrads(() => tf.sum(layer.apply(input, { training: true }) as tf.Tensor), [input, ...weights]),
    );
    return undefined;
  } catch (error) {
    return error;
  } finally {
    input.dispose();
  }
}

/**
 * @throws MissingKernel naming the layer that needs it, if that shows
 * @throws StillhouseError MODEL_INVALID naming the layer that cannot be trained, with TFJS's reason
 */
async function tryToTrain(part: string, model: tf.LayersModel, train: () => Promise<void>): Promise<void> {
  try {
    await train();
  } catch (error) {
    if (error instanceof StillhouseError) throw error;
    const missing = missingKernelOf(error);
    if (missing) {
      const layer = model.layers.find((each) => missingKernelOf(obstacleOf(each)) !== undefined);
      throw new MissingKernel(missing.kernel, layer && `the ${part}'s layer ${layer.name}`, error);
    }
    const layer = model.layers.find((each) => obstacleOf(each) !== undefined);
    if (!layer) throw error;
    throw new StillhouseError(
      'MODEL_INVALID',
      `the ${part}'s layer ${layer.name} (${layer.getClassName()}) cannot be trained here: ${firstLineOf(error)}`,
      { cause: error },
    );
  }
}

/** What a model of a job consists of. */
export interface ProbedModel {
  readonly phase: PhaseName;
  /** Trainable numbers of the model itself. */
  readonly parameters: number;
  /** All trained numbers: also those of distillation terms, which are dropped after training. */
  readonly trained: number;
  /** Numbers that are not trained by gradients, such as moving averages. */
  readonly others: number;
  /** Numbers that the layers output for one row. */
  readonly outputsPerRow: number;
}

const sizeOf = (shape: readonly (number | null)[]): number =>
  shape.slice(1).reduce<number>((product, size) => product * (size ?? 1), 1);

function factsOf(phase: PhaseName, model: tf.LayersModel, objective: Objective): ProbedModel {
  const { parameterCount, otherCount } = flatSizes(model, objective.weights);
  return {
    phase,
    parameters: flatSizes(model).parameterCount,
    trained: parameterCount,
    others: otherCount,
    outputsPerRow: model.layers.reduce((sum, { outputShape }) => sum + sizeOf(outputShape as (number | null)[]), 0),
  };
}

/**
 * @returns facts of each model that is trained, in the order of their phases
 * @throws StillhouseError as building the models does, and MODEL_INVALID for a layer that cannot be trained;
 * MissingKernel if the backend lacks one
 */
export async function probe(job: Job, fetchBlock: FetchBlock): Promise<ProbedModel[]> {
  const facts: ProbedModel[] = [];
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
      facts.push(factsOf(name, model, objective));
    }
    return facts;
  } finally {
    for (const model of models) model.dispose();
    pretrained?.dispose();
  }
}
