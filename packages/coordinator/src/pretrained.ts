// Teachers that are there already: their files become blocks like those of data, so that workers need none of this machine's.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isTrained, learnsFromOutputs, StillhouseError, type Job, type Recipe, type TeacherFiles } from '@stillhouse/core';
import type { BlockFolder } from '@stillhouse/datasets';
import { modelMetadata, type ModelMetadata } from './metadata.js';

interface ModelJson {
  readonly format?: string;
  readonly modelTopology?: { readonly node?: unknown };
  readonly weightsManifest?: readonly { readonly paths: readonly string[] }[];
  readonly userDefinedMetadata?: Partial<ModelMetadata>;
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** The model.json that a path means: a run folder's teacher, a folder's own, or the file itself. */
function modelFileOf(path: string, folder: string): string {
  const full = resolve(folder, path);
  const found = isFolder(full) ? [join(full, 'teacher', 'model.json'), join(full, 'model.json')].find((each) => existsSync(each)) : existsSync(full) ? full : undefined;
  if (found === undefined) throw new StillhouseError('TEACHER_NOT_FOUND', isFolder(full) ? `${path} holds no model.json, neither in itself nor in teacher/` : `${path} does not exist`);
  return found;
}

function readModel(path: string, folder: string): { json: ModelJson; model: Uint8Array; weights: Uint8Array } {
  const file = modelFileOf(path, folder);
  const failed = (what: string, cause: unknown): never => {
    throw new StillhouseError('TEACHER_NOT_FOUND', `${what} of the teacher ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  };
  const read = (each: string): Uint8Array => {
    try {
      return readFileSync(each);
    } catch (cause) {
      return failed(each, cause);
    }
  };
  const model = read(file);
  let json: ModelJson;
  try {
    json = JSON.parse(new TextDecoder().decode(model)) as ModelJson;
  } catch (cause) {
    return failed(file, cause);
  }
  if (!json.modelTopology || !Array.isArray(json.weightsManifest)) throw new StillhouseError('TEACHER_NOT_FOUND', `${path} is no TFJS model: it has no modelTopology and weightsManifest`);
  const shards = json.weightsManifest.flatMap(({ paths }: { paths: readonly string[] }) => paths.map((each) => read(join(dirname(file), each))));
  return { json, model, weights: Buffer.concat(shards) };
}

const encodedOtherwise = ['was trained on rows that were encoded otherwise', 'Give data.large, data.table, seed and teacher.validation as they were when the teacher was trained: preprocessing is fitted on them.'] as const;

/** What a Stillhouse model was trained on must be what the student gets. */
function refuseUnlike(path: string, trained: Partial<ModelMetadata['stillhouse']>, job: Job): void {
  const { stillhouse: here } = modelMetadata(job, undefined, 'teacher');
  const classes = (each: Partial<ModelMetadata['stillhouse']>): string => JSON.stringify(each.classes ?? null);
  const columns = (each: Partial<ModelMetadata['stillhouse']>): string => JSON.stringify(each.columns ?? []);
  const scales = (each: Partial<ModelMetadata['stillhouse']>): string => JSON.stringify((each.targets ?? []).map(({ mean, deviation }) => [mean, deviation]));
  const unlike = (what: string, next?: string): never => {
    throw new StillhouseError('TEACHER_UNLIKE', `the teacher ${path} ${what}`, next === undefined ? {} : { next });
  };
  // A teacher of layers alone may have learnt anything.
  const isHeard = learnsFromOutputs(job.recipe.distill!);
  if (isHeard && trained.loss !== here.loss) unlike(`was trained by ${trained.loss}, and the recipe's loss is ${here.loss}`);
  if (isHeard && classes(trained) !== classes(here)) unlike(`knows the classes ${classes(trained)}, and the data have ${classes(here)}`);
  if (columns(trained) !== columns(here) || (isHeard && scales(trained) !== scales(here))) unlike(...encodedOtherwise);
}

/**
 * The models of a recipe's pretrained teacher, written among the blocks.
 * @throws StillhouseError TEACHER_NOT_FOUND, TEACHER_UNLIKE
 */
export function pretrainedTeachers(recipe: Recipe, job: Job, { recipeFolder, blocks }: { recipeFolder: string; blocks: BlockFolder }): TeacherFiles[] {
  if (isTrained(recipe.teacher)) return [];
  const { pretrained } = recipe.teacher;
  const keep = (bytes: Uint8Array): string => {
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (!blocks.has(hash)) blocks.write(hash, bytes);
    return hash;
  };
  return [pretrained].flat().map((path) => {
    const { json, model, weights } = readModel(path, recipeFolder);
    const trained = json.userDefinedMetadata?.stillhouse;
    if (trained) refuseUnlike(path, trained, job);
    return { path, format: json.format === 'graph-model' || json.modelTopology?.node !== undefined ? 'graph' : 'layers', model: keep(model), weights: keep(weights) };
  });
}
