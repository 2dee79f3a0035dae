// Everything that a run needs, from a recipe: its data as blocks on disk and the files that its models name.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  areModulesOpen,
  checkJob,
  isTrained,
  messageOf,
  openModules,
  parseRecipe,
  refuseRecipe,
  withSources,
  StillhouseError,
  type Job,
  type ModelAssets,
  type ModelConfig,
  type Recipe,
} from '@stillhouse/core';
import { prepareDataset, type Dataset, type DataPlaces, type PrepareOptions } from '@stillhouse/datasets';
import { checkIndices } from './check-indices.js';
import { findTeachers, keepTeachers, taughtByAll } from './pretrained.js';

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
 * A recipe from outside, checked once its modules are open; it has their text.
 * @param folder folder that the recipe's paths are relative to
 * @throws StillhouseError EXTENSION_MODULE, RECIPE_INVALID, RECIPE_UNKNOWN_KEY
 */
export async function openRecipe(input: unknown, folder: string): Promise<Recipe> {
  const recipe = parseRecipe(input);
  if (areModulesOpen(recipe)) return recipe;
  const whole = withSources(recipe, (path) => readText(path, folder, 'EXTENSION_MODULE'));
  await openModules(whole);
  refuseRecipe(whole);
  return whole;
}

/**
 * Prepares the data of a recipe as a run does, with the preprocessing of a pretrained teacher that Stillhouse trained.
 * @throws StillhouseError DATA_…, TEACHER_NOT_FOUND, TEACHER_UNLIKE
 */
export const prepareData = (
  recipe: Recipe,
  places: DataPlaces,
  options: Omit<PrepareOptions, 'taught'>,
): Promise<Dataset> =>
  prepareDataset(recipe, places, {
    ...options,
    taught: taughtByAll(findTeachers(recipe, places.recipeFolder), recipe),
  });

/**
 * @param recipe whose modules are open (`openRecipe`)
 * @throws StillhouseError DATA_…, MODEL_INVALID, MODEL_MODULE, MODEL_SHAPE, RECIPE_INVALID, TEACHER_NOT_FOUND,
 * TEACHER_UNLIKE
 */
export async function assembleJob(
  recipe: Recipe,
  runId: string,
  places: DataPlaces,
  options: Omit<PrepareOptions, 'taught'>,
): Promise<{ job: Job; dataset: Dataset }> {
  const found = findTeachers(recipe, places.recipeFolder);
  const dataset = await prepareDataset(recipe, places, { ...options, taught: taughtByAll(found, recipe) });
  checkJob({ recipe, dataset: dataset.manifest });
  await checkIndices({ recipe, dataset: dataset.manifest }, dataset.blocks);
  const teacher = isTrained(recipe.teacher) ? readAsset(recipe.teacher.model, places.recipeFolder) : undefined;
  const student = readAsset(recipe.student?.model, places.recipeFolder);
  const assets: ModelAssets = {
    ...(teacher === undefined ? {} : { teacher }),
    ...(student === undefined ? {} : { student }),
    ...(Object.keys(dataset.modules).length === 0 ? {} : { sources: dataset.modules }),
  };
  const job: Job = { runId, recipe, dataset: dataset.manifest, assets, blockFolder: dataset.blocks.path };
  const teachers = keepTeachers(found, dataset.blocks);
  return { job: teachers.length ? { ...job, assets: { ...assets, teachers } } : job, dataset };
}
