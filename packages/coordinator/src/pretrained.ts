// Pretrained teachers: their files become blocks, like data, so workers need no file of this machine. One that
// Stillhouse trained also prescribes how rows are encoded.
import {
  isTrained,
  learnsFromOutputs,
  StillhouseError,
  type ModelMetadata,
  type Recipe,
  type TeacherFiles,
} from '@stillhouse/core';
import { readingOf } from '@stillhouse/core/training';
import { sha256, type BlockFolder, type Taught } from '@stillhouse/datasets';
import { findTeacher, type FoundTeacher } from './teacher-files.js';

export type NamedTeacher = FoundTeacher & { readonly path: string };

/**
 * The models of a recipe's pretrained teacher; none if it is trained in the run.
 * @param folder folder that relative paths start from
 * @throws StillhouseError TEACHER_NOT_FOUND
 */
export function findTeachers({ teacher }: Recipe, folder: string): NamedTeacher[] {
  return isTrained(teacher) ? [] : [teacher.pretrained].flat().map((path) => ({ ...findTeacher(path, folder), path }));
}

/** @throws StillhouseError TEACHER_UNLIKE */
function taughtBy(path: string, trained: Partial<ModelMetadata>, recipe: Recipe): Taught {
  // If only layers are copied, the teacher may have learned anything.
  const isHeard = learnsFromOutputs(recipe.distill!);
  const { loss } = readingOf(recipe.loss);
  const unlike = (what: string, next?: string): never => {
    throw new StillhouseError('TEACHER_UNLIKE', `the teacher ${path} ${what}`, next === undefined ? {} : { next });
  };
  if (isHeard && trained.loss !== loss) unlike(`was trained with ${trained.loss}, but the recipe's loss is ${loss}`);
  const { columns, outputs, targets = [], classes = null, heldOut } = trained;
  if (!Array.isArray(columns) || columns.length === 0 || outputs === undefined)
    return unlike('does not say how its rows were encoded', 'Restore its model.json, or train it again.');
  return { path, metadata: { columns, outputs, targets, classes }, heldOut, isHeard };
}

/**
 * What the teachers that Stillhouse trained prescribe; undefined if it trained none. Those of an ensemble get the same
 * rows, so they must prescribe the same.
 * @throws StillhouseError TEACHER_UNLIKE
 */
export function taughtByAll(teachers: readonly NamedTeacher[], recipe: Recipe): Taught | undefined {
  const all = teachers.flatMap(({ path, trained }) => (trained ? [taughtBy(path, trained, recipe)] : []));
  const [first, ...others] = all;
  const textOf = (value: unknown): string => JSON.stringify(value);
  for (const { path, metadata } of others) {
    const { columns, targets, classes } = first.metadata;
    const refuse = (what: string): never => {
      throw new StillhouseError(
        'TEACHER_UNLIKE',
        `the teachers ${first.path} and ${path} of an ensemble were trained on rows with ${what}`,
        { next: 'Give teachers that were trained on the same rows: preprocessing is fitted on them.' },
      );
    };
    const column = columns.find((each, i) => textOf(each) !== textOf(metadata.columns[i]));
    if (column) refuse(`another encoding of the column ${textOf(column.name)}`);
    if (columns.length !== metadata.columns.length) refuse('other columns');
    if (first.isHeard && textOf(targets) !== textOf(metadata.targets)) refuse('another scale of the target');
    if (first.isHeard && textOf(classes) !== textOf(metadata.classes)) refuse('other classes');
  }
  return first;
}

/** Stores the files of teachers as blocks. */
export function keepTeachers(teachers: readonly NamedTeacher[], blocks: BlockFolder): TeacherFiles[] {
  const keep = (bytes: Uint8Array): string => {
    const hash = sha256(bytes);
    if (!blocks.has(hash)) blocks.write(hash, bytes);
    return hash;
  };
  return teachers.map(({ path, format, files }) => ({
    path,
    format,
    files: [...files].map(([name, bytes]) => ({ name, hash: keep(bytes) })),
  }));
}
