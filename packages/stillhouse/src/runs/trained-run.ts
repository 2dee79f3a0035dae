// A run folder read back: its record, and its models ready for inference.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { assembleJob, type StoredMetadata } from '@stillhouse/coordinator';
import {
  parseRecipe,
  parseRunRecord,
  phaseNames,
  storedNamesOf,
  StillhouseError,
  type ModelMetadata,
  type PhaseName,
  type Recipe,
  type RunRecord,
} from '@stillhouse/core';
import { dataFolders, preparedFolder } from '@stillhouse/datasets';

export interface TrainedRun {
  readonly folder: string;
  readonly record: RunRecord;
  readonly recipe: Recipe;
}

export interface TrainedModel {
  readonly model: tf.LayersModel;
  readonly metadata: ModelMetadata;
}

/** @throws StillhouseError RUN_NOT_FOUND, RUN_INCOMPLETE */
export function readRun(folder: string): TrainedRun {
  const file = join(folder, 'run.json');
  if (!existsSync(file)) throw new StillhouseError('RUN_NOT_FOUND', `${folder} holds no run.json`);
  const record = parseRunRecord(readFileSync(file, 'utf8'), file);
  return { folder, record, recipe: parseRecipe(record.recipe) };
}

/** Where a model lies; undefined where the run has none of this name. */
const modelFolder = ({ folder }: TrainedRun, phase: PhaseName): string | undefined =>
  storedNamesOf(phase)
    .map((name) => join(folder, name))
    .find((path) => existsSync(join(path, 'model.json')));

/** The models of a run, in the order teacher, student, baseline. */
export const modelNames = (run: TrainedRun): PhaseName[] =>
  phaseNames.filter((name) => modelFolder(run, name) !== undefined);

/** The model that a run is for: its student, or its teacher where it has none. */
export const mainModel = (run: TrainedRun): PhaseName => (modelNames(run).includes('student') ? 'student' : 'teacher');

/**
 * The data of a run, prepared anew where they are not there any more.
 * @param recipeFolder folder that the recipe's paths are relative to, if it has moved
 * @throws StillhouseError DATA_…, MODEL_…, TEACHER_…
 */
export function openData(
  { record, recipe }: TrainedRun,
  recipeFolder: string | undefined,
): ReturnType<typeof assembleJob> {
  const places = {
    recipeFolder: recipeFolder ?? record.recipeFolder,
    dataFolders: dataFolders(process.env, process.cwd()),
  };
  return assembleJob(recipe, record.runId, places, { folder: preparedFolder(process.env) });
}

/**
 * The two files of a model.
 * @throws StillhouseError RUN_INCOMPLETE
 */
export function readModelFiles(run: TrainedRun, name: PhaseName): { json: string; weights: Uint8Array } {
  const folder = modelFolder(run, name);
  if (folder === undefined)
    throw new StillhouseError(
      'RUN_INCOMPLETE',
      `${run.folder} holds no model ${name} (the run is ${run.record.status})`,
    );
  return { json: readFileSync(join(folder, 'model.json'), 'utf8'), weights: readFileSync(join(folder, 'weights.bin')) };
}

/** @throws StillhouseError RUN_INCOMPLETE, DATA_FORMAT */
export async function openModel(run: TrainedRun, name: PhaseName): Promise<TrainedModel> {
  try {
    const { json, weights } = readModelFiles(run, name);
    const { loadModel } = await import('@stillhouse/worker');
    const { userDefinedMetadata } = JSON.parse(json) as { userDefinedMetadata: StoredMetadata };
    return { model: await loadModel(json, weights), metadata: userDefinedMetadata.stillhouse };
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    const folder = join(run.folder, name);
    throw new StillhouseError(
      'DATA_FORMAT',
      `${folder} holds no whole model: ${(cause instanceof Error ? cause.message : String(cause)).split('\n')[0]}`,
      { cause, next: 'Run again, or restore the folder from a copy.' },
    );
  }
}
