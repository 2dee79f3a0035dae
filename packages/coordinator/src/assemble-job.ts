// Everything that a run needs, from a recipe: its data as blocks on disk and the files that its models name.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  isTrained,
  messageOf,
  planJob,
  openModules,
  refuseRecipe,
  withSources,
  StillhouseError,
  type Job,
  type ModelAssets,
  type ModelConfig,
  type Recipe,
} from '@stillhouse/core';
import { prepareDataset, type Dataset, type DataPlaces, type PrepareOptions } from '@stillhouse/datasets';
import { pretrainedTeachers } from './pretrained.js';

function readAsset(config: ModelConfig | undefined, folder: string): string | undefined {
  if (!config || 'layers' in config) return undefined;
  const [path, code] =
    'topology' in config ? [config.topology, 'MODEL_INVALID' as const] : [config.module, 'MODEL_MODULE' as const];
  return readText(path, folder, code);
}

function readText(path: string, folder: string, code: 'EXTENSION_MODULE' | 'MODEL_INVALID' | 'MODEL_MODULE'): string {
  try {
    return readFileSync(resolve(folder, path), 'utf8');
  } catch (cause) {
    throw new StillhouseError(code, `${path} cannot be read: ${messageOf(cause)}`, {
      cause,
      next: 'Check the path: it is relative to the folder of the recipe.',
    });
  }
}

/**
 * The recipe with the text of the modules that its loss and terms come from, all of them open.
 * @throws StillhouseError EXTENSION_MODULE, RECIPE_INVALID
 */
export async function openRecipe(recipe: Recipe, folder: string): Promise<Recipe> {
  const whole = withSources(recipe, (path) => readText(path, folder, 'EXTENSION_MODULE'));
  await openModules(whole);
  refuseRecipe(whole);
  return whole;
}

/**
 * @throws StillhouseError DATA_…, EXTENSION_MODULE, MODEL_INVALID, MODEL_MODULE, RECIPE_INVALID, TEACHER_NOT_FOUND,
 * TEACHER_UNLIKE
 */
export async function assembleJob(
  given: Recipe,
  runId: string,
  places: DataPlaces,
  options: PrepareOptions,
): Promise<{ job: Job; dataset: Dataset }> {
  const recipe = await openRecipe(given, places.recipeFolder);
  const dataset = await prepareDataset(recipe, places, options);
  planJob(recipe, dataset.manifest);
  const teacher = isTrained(recipe.teacher) ? readAsset(recipe.teacher.model, places.recipeFolder) : undefined;
  const student = readAsset(recipe.student?.model, places.recipeFolder);
  const assets: ModelAssets = {
    ...(teacher === undefined ? {} : { teacher }),
    ...(student === undefined ? {} : { student }),
    ...(Object.keys(dataset.modules).length === 0 ? {} : { sources: dataset.modules }),
  };
  const job: Job = { runId, recipe, dataset: dataset.manifest, assets, blockFolder: dataset.blocks.path };
  const teachers = pretrainedTeachers(recipe, job, { recipeFolder: places.recipeFolder, blocks: dataset.blocks });
  return { job: teachers.length ? { ...job, assets: { ...assets, teachers } } : job, dataset };
}
