// Loads pretrained teachers from their files.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { tf } from '@stillhouse/native/tfjs';
import {
  isTrained,
  learnsFromOutputs,
  firstLineOf,
  messageOf,
  StillhouseError,
  type Job,
  type PretrainedTeacherConfig,
  type TeacherFiles,
} from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { openOnnx, openSavedModel } from '@stillhouse/native/engines';
import type { FetchBlock } from '../../block/fetch-block.js';
import { loadConverted, loadKeras } from '../../model/keras/model.js';
import { loadGraph, loadModel } from '../../model/model-file.js';
import type { Predict } from '../../model/predict.js';
import { predictBy } from './predict-by.js';
import {
  EnsembleTeacher,
  GraphTeacher,
  LayersTeacher,
  ProbabilityTeacher,
  RunnableTeacher,
  type Teacher,
} from './teacher.js';

/** Layers that hand on what they get, in inference. */
const passing = ['Dropout', 'Flatten', 'Reshape'];

/** Whether a layers model ends in the activation that gives probabilities; undefined if its last layer has none. */
function endsInProbabilities({ outputs: [output] }: tf.LayersModel): boolean | undefined {
  const last = output.sourceLayer;
  if (last instanceof tf.LayersModel) return endsInProbabilities(last);
  if (last.getClassName() === 'Softmax') return true;
  if (passing.includes(last.getClassName())) return endsInProbabilities({ outputs: [last.input] } as tf.LayersModel);
  const { activation } = last.getConfig();
  return activation === undefined ? undefined : ['softmax', 'sigmoid'].includes(activation as string);
}

/** @throws Error if rows cannot be a model's only input, or what is learned its only output */
function refuseSeveral({ inputs, outputs }: tf.LayersModel | tf.GraphModel): void {
  if (inputs.length === 1 && outputs.length === 1) return;
  const names = (all: readonly { name: string }[]): string =>
    `${all.length} (${all.map(({ name }) => name).join(', ')})`;
  throw new Error(
    `it has ${names(inputs)} inputs and ${names(outputs)} outputs; exactly one of each is needed: save a model of ` +
      'the output that the student learns',
  );
}

/** Puts a SavedModel's files into a folder while it is being opened. */
async function openFiles(files: ReadonlyMap<string, Uint8Array>): Promise<RunnableTeacher> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-teacher-'));
  try {
    for (const [name, bytes] of files) {
      const file = join(folder, name);
      if (relative(folder, file).split(sep)[0] === '..') throw new Error(`its file ${name} is outside its folder`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    return new RunnableTeacher(await openSavedModel(folder), 'a SavedModel');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function layersTeacher(model: tf.LayersModel): LayersTeacher {
  refuseSeveral(model);
  return new LayersTeacher(model);
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** How each format is opened. */
const formats: Readonly<
  Record<TeacherFiles['format'], (files: ReadonlyMap<string, Uint8Array>, threads: number) => Promise<Teacher>>
> = {
  layers: async (files) => {
    const [json, weights] = [textOf(files.get('model')!), files.get('weights')!];
    return layersTeacher((await loadConverted(json, weights)) ?? (await loadModel(json, weights)));
  },
  graph: async (files) => {
    const model = await loadGraph(textOf(files.get('model')!), files.get('weights')!);
    refuseSeveral(model);
    return new GraphTeacher(model);
  },
  keras: async (files) => layersTeacher(await loadKeras(files.get('model')!)),
  onnx: async (files, threads) => new RunnableTeacher(await openOnnx(files.get('model')!, threads), 'in ONNX'),
  savedModel: openFiles,
};

/** What to do if a file cannot be opened. */
const hints: Readonly<Record<TeacherFiles['format'], string>> = {
  layers: 'Give a model that tf.loadLayersModel opens.',
  graph: 'Give a model that tf.loadGraphModel opens.',
  keras:
    'Export the model as a SavedModel or to ONNX and use that; docs/keras.md lists the layers and settings of Keras ' +
    'that are computed here.',
  onnx: 'Give a model of one file that takes one fp32 tensor, the rows, and returns one fp32 tensor.',
  savedModel:
    'Give a SavedModel whose signature serving_default takes one fp32 tensor, the rows, and returns one fp32 tensor.',
};

async function load(
  { path, format, files }: TeacherFiles,
  { job, outputs, fetchBlock }: { job: Job; outputs: PretrainedTeacherConfig['outputs']; fetchBlock: FetchBlock },
): Promise<Teacher> {
  const { threads } = job.recipe;
  const { labels } = lossOf(job.recipe.loss);
  const contents = new Map<string, Uint8Array>();
  for (const { name, hash } of files) contents.set(name, await fetchBlock(hash));
  const teacher = await formats[format](contents, threads).catch((cause: unknown) => {
    if (cause instanceof StillhouseError)
      throw new StillhouseError(cause.code, `the teacher ${path} cannot be used: ${cause.message}`, {
        cause,
        next: cause.next,
      });
    throw new StillhouseError('MODEL_INVALID', `the teacher ${path} cannot be loaded: ${messageOf(cause)}`, {
      cause,
      next: hints[format],
    });
  });
  const answer = await answerToZeros(teacher, path, job);
  if (!learnsFromOutputs(job.recipe.distill!)) return teacher;
  if (labels === 'numbers') return teacher;
  const isProbability =
    outputs === 'auto' ? givesProbabilities(teacher, answer, { path, labels }) : outputs === 'probabilities';
  return isProbability ? new ProbabilityTeacher(teacher, labels) : teacher;
}

/**
 * Whether a teacher of classes outputs probabilities: by its last layer, or else by its output for one row.
 * @param answer outputs for one row
 * @throws StillhouseError TEACHER_UNLIKE if neither shows it
 */
function givesProbabilities(
  { layersModel }: Teacher,
  answer: ArrayLike<number>,
  { path, labels }: { path: string; labels: 'class' | 'binary' },
): boolean {
  const known = layersModel && endsInProbabilities(layersModel);
  if (known !== undefined) return known;
  const values = Array.from(answer);
  const isWithin = values.every((value) => value >= 0 && value <= 1);
  if (labels === 'class') return isWithin && Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) < 1e-3;
  // A logit may be between 0 and 1 as well.
  if (isWithin)
    throw new StillhouseError(
      'TEACHER_UNLIKE',
      `the teacher ${path} does not show whether its outputs are logits or probabilities`,
      { next: 'Set teacher.outputs to logits or probabilities.' },
    );
  return false;
}

/**
 * A row of zeros shows whether a teacher accepts the rows, and has the outputs that the student needs.
 * @throws StillhouseError TEACHER_UNLIKE
 */
async function answerToZeros(
  teacher: Teacher,
  path: string,
  { recipe: { distill }, dataset: { inputShape, outputs } }: Job,
): Promise<ArrayLike<number>> {
  const row = tf.zeros([1, ...inputShape]);
  try {
    const [given] = await teacher.respond(row, []);
    const { shape } = given;
    const answer = await given.data();
    given.dispose();
    if (learnsFromOutputs(distill!) && (shape.length !== 2 || shape[1] !== outputs))
      throw new StillhouseError(
        'TEACHER_UNLIKE',
        `the teacher ${path} has outputs of shape [${shape.slice(1).join(', ')}], but the student must have ` +
          `[${outputs}]`,
      );
    return answer;
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError(
      'TEACHER_UNLIKE',
      `the teacher ${path} does not accept rows of shape [${inputShape.join(', ')}]: ${firstLineOf(cause)}`,
      { cause },
    );
  } finally {
    row.dispose();
  }
}

async function openAll(job: Job, { outputs }: PretrainedTeacherConfig, fetchBlock: FetchBlock): Promise<Teacher> {
  const teachers: Teacher[] = [];
  for (const files of job.assets.teachers!) teachers.push(await load(files, { job, outputs, fetchBlock }));
  return teachers.length === 1 ? teachers[0] : new EnsembleTeacher(teachers, lossOf(job.recipe.loss));
}

/**
 * The job's pretrained teacher, one or an ensemble; undefined for a teacher that is trained in the run.
 * @throws StillhouseError MODEL_INVALID, TEACHER_UNLIKE, and what `fetchBlock` throws
 */
export async function pretrainedTeacherOf(job: Job, fetchBlock: FetchBlock): Promise<Teacher | undefined> {
  const { teacher } = job.recipe;
  return isTrained(teacher) ? undefined : openAll(job, teacher, fetchBlock);
}

/**
 * A job's pretrained teacher, which may be several models, as a function of rows.
 * @throws StillhouseError MODEL_INVALID, TEACHER_UNLIKE, and what `fetchBlock` throws
 */
export async function openPretrained(
  job: Job,
  config: PretrainedTeacherConfig,
  fetchBlock: FetchBlock,
): Promise<{ predict: Predict; dispose: () => void }> {
  const teacher = await openAll(job, config, fetchBlock);
  return { predict: predictBy(teacher), dispose: () => teacher.dispose() };
}
