// Trains one zero row of each model of a job, to show whether a backend has every kernel before the run depends on it.
import { tf } from '@stillhouse/native/tfjs';
import { datasetOf, phaseOf, phasesOf, type DatasetManifest, type Job } from '@stillhouse/core';
import type { Batch } from '@stillhouse/datasets';
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

/** @throws StillhouseError as building the models does; Error if the backend lacks a kernel */
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
      await trainZeros(model, objective, datasetOf(job.dataset, name));
    }
  } finally {
    for (const model of models) model.dispose();
    pretrained?.dispose();
  }
}
