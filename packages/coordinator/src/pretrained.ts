// Pretrained teachers: their files become blocks, like data, so workers need no file of this machine.
import {
  isTrained,
  learnsFromOutputs,
  StillhouseError,
  type Job,
  type ModelMetadata,
  type Recipe,
  type TeacherFiles,
} from '@stillhouse/core';
import { sha256, type BlockFolder } from '@stillhouse/datasets';
import { modelMetadata } from './metadata.js';
import { findTeacher } from './teacher-files.js';

const encodedOtherwise = [
  'was trained on rows that were encoded otherwise',
  'Give data.large, data.table, seed and teacher.validation as they were when the teacher was trained: ' +
    'preprocessing is fitted on them.',
] as const;

/** The student must get what a Stillhouse teacher was trained on. */
function refuseUnlike(path: string, trained: Partial<ModelMetadata>, job: Job): void {
  const { stillhouse: here } = modelMetadata(job, undefined, 'teacher');
  const classes = (each: Partial<ModelMetadata>): string => JSON.stringify(each.classes ?? null);
  const columns = (each: Partial<ModelMetadata>): string => JSON.stringify(each.columns ?? []);
  const scales = (each: Partial<ModelMetadata>): string =>
    JSON.stringify(
      (each.targets ?? []).map(({ mean, deviation, transform, lambda }) => [mean, deviation, transform, lambda]),
    );
  const unlike = (what: string, next?: string): never => {
    throw new StillhouseError('TEACHER_UNLIKE', `the teacher ${path} ${what}`, next === undefined ? {} : { next });
  };
  // If only layers are copied, the teacher may have learned anything.
  const isHeard = learnsFromOutputs(job.recipe.distill!);
  if (isHeard && trained.loss !== here.loss)
    unlike(`was trained with ${trained.loss}, but the recipe's loss is ${here.loss}`);
  if (isHeard && classes(trained) !== classes(here))
    unlike(`knows the classes ${classes(trained)}, but the data have ${classes(here)}`);
  if (columns(trained) !== columns(here) || (isHeard && scales(trained) !== scales(here))) unlike(...encodedOtherwise);
}

/**
 * The models of a recipe's pretrained teacher, stored as blocks.
 * @throws StillhouseError TEACHER_NOT_FOUND, TEACHER_UNLIKE
 */
export function pretrainedTeachers(
  recipe: Recipe,
  job: Job,
  { recipeFolder, blocks }: { recipeFolder: string; blocks: BlockFolder },
): TeacherFiles[] {
  if (isTrained(recipe.teacher)) return [];
  const { pretrained } = recipe.teacher;
  const keep = (bytes: Uint8Array): string => {
    const hash = sha256(bytes);
    if (!blocks.has(hash)) blocks.write(hash, bytes);
    return hash;
  };
  return [pretrained].flat().map((path) => {
    const { format, files, trained } = findTeacher(path, recipeFolder);
    if (trained) refuseUnlike(path, trained, job);
    return { path, format, files: [...files].map(([name, bytes]) => ({ name, hash: keep(bytes) })) };
  });
}
