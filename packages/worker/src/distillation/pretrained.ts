// Teachers that were trained elsewhere, from their files.
import * as tf from '@tensorflow/tfjs';
import { learnsFromOutputs, StillhouseError, type Job, type PretrainedTeacherConfig, type TeacherFiles } from '@stillhouse/core';
import type { FetchBlock } from '../engine.js';
import { loadGraph, loadModel } from '../model-file.js';
import { EnsembleTeacher, GraphTeacher, LayersTeacher, ProbabilityTeacher, type Teacher } from './teacher.js';

/** Whether a layers model ends in the activation that makes probabilities. */
function endsInProbabilities(model: tf.LayersModel): boolean {
  const last = model.layers.at(-1)!;
  return last.getClassName() === 'Softmax' || ['softmax', 'sigmoid'].includes(last.getConfig()['activation'] as string);
}

async function load({ path, format, model, weights }: TeacherFiles, { job, outputs, fetchBlock }: { job: Job; outputs: PretrainedTeacherConfig['outputs']; fetchBlock: FetchBlock }): Promise<Teacher> {
  const { loss } = job.recipe;
  const json = new TextDecoder().decode(await fetchBlock(model));
  const bytes = await fetchBlock(weights);
  let teacher: Teacher;
  let isProbability = outputs === 'probabilities';
  try {
    if (format === 'graph') {
      teacher = new GraphTeacher(await loadGraph(json, bytes));
    } else {
      const layers = await loadModel(json, bytes);
      teacher = new LayersTeacher(layers);
      isProbability ||= outputs === 'auto' && endsInProbabilities(layers);
    }
  } catch (cause) {
    throw new StillhouseError('MODEL_INVALID', `the teacher ${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, { cause, next: 'Give a model that tf.loadLayersModel or tf.loadGraphModel opens.' });
  }
  await refuseUnlike(teacher, path, job);
  return isProbability && (loss === 'softmaxCrossEntropy' || loss === 'binaryCrossEntropy') ? new ProbabilityTeacher(teacher, loss) : teacher;
}

/** A row of zeros shows whether a teacher takes the rows, and gives outputs for what it is to teach. */
async function refuseUnlike(teacher: Teacher, path: string, { recipe: { distill }, dataset: { inputShape, outputs } }: Job): Promise<void> {
  const row = tf.zeros([1, ...inputShape]);
  try {
    const [given] = await teacher.respond(row, []);
    const { shape } = given;
    given.dispose();
    if (learnsFromOutputs(distill!) && (shape.length !== 2 || shape[1] !== outputs)) throw new StillhouseError('TEACHER_UNLIKE', `the teacher ${path} gives outputs of shape [${shape.slice(1).join(', ')}], and the student is to give [${outputs}]`);
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('TEACHER_UNLIKE', `the teacher ${path} does not take rows of shape [${inputShape.join(', ')}]: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`, { cause });
  } finally {
    row.dispose();
  }
}

/**
 * The job's pretrained teacher, one or an ensemble.
 * @throws StillhouseError MODEL_INVALID, TEACHER_UNLIKE, and what `fetchBlock` throws
 */
export async function pretrainedTeacher(job: Job, { outputs }: PretrainedTeacherConfig, fetchBlock: FetchBlock): Promise<Teacher> {
  const teachers: Teacher[] = [];
  for (const files of job.assets.teachers!) teachers.push(await load(files, { job, outputs, fetchBlock }));
  return teachers.length === 1 ? teachers[0] : new EnsembleTeacher(teachers);
}
