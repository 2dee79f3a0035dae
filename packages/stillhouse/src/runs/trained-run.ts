// A run folder read back: its record, its recipe, its data and the files of its models.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assembleJob, openRecipe, readRunRecord } from '@stillhouse/coordinator';
import {
  phaseNames,
  storedNamesOf,
  StillhouseError,
  type PhaseName,
  type Recipe,
  type RunRecord,
} from '@stillhouse/core';
import { dataFolders, preparedFolder } from '@stillhouse/datasets';

export interface TrainedRun {
  readonly folder: string;
  /** The content of run.json. */
  readonly record: RunRecord;
  readonly recipe: Recipe;
}

/**
 * Reads a run folder, and opens the modules that its recipe has as text.
 * @throws StillhouseError RUN_NOT_FOUND, EXTENSION_MODULE
 */
export async function readRun(folder: string): Promise<TrainedRun> {
  const record = readRunRecord(folder);
  return { folder, record, recipe: await openRecipe(record.recipe, record.recipeFolder) };
}

/** Folder of a model; undefined if the run has none with this name. */
const modelFolder = ({ folder }: TrainedRun, phase: PhaseName): string | undefined =>
  storedNamesOf(phase)
    .map((name) => join(folder, name))
    .find((path) => existsSync(join(path, 'model.json')));

/** The models of a run, in the order teacher, student, baseline. */
export const modelNames = (run: TrainedRun): PhaseName[] =>
  phaseNames.filter((name) => modelFolder(run, name) !== undefined);

/** The main model of a run: its student, or its teacher if it has no student. */
export const mainModel = (run: TrainedRun): PhaseName => (modelNames(run).includes('student') ? 'student' : 'teacher');

/**
 * The data of a run; prepares them again if they are gone.
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

/** The two files of the model in a folder. */
export const filesIn = (folder: string): { json: string; weights: Uint8Array } => ({
  json: readFileSync(join(folder, 'model.json'), 'utf8'),
  weights: readFileSync(join(folder, 'weights.bin')),
});

/**
 * The two files of a model.
 * @throws StillhouseError RUN_INCOMPLETE
 */
export function readModelFiles(run: TrainedRun, name: PhaseName): { json: string; weights: Uint8Array } {
  const folder = modelFolder(run, name);
  if (folder === undefined)
    throw new StillhouseError('RUN_INCOMPLETE', `${run.folder} has no model ${name} (the run is ${run.record.status})`);
  return filesIn(folder);
}
