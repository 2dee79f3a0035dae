// What is fitted on the training rows of the large set, and what those of the small set add for the student.
import { StillhouseError, type Recipe } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { refuseAbsent, type NamedColumn } from '../table/absent-columns.js';
import { extendTable, fitTable, type FitOptions, type Preprocessing } from '../table/preprocessing.js';
import type { Table } from '../table/table.js';
import { extendTensors, fitTensors } from '../tensor/tensor-rows.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import { sizeOf } from '../tensor/tensor-set.js';
import type { OpenedSet, OpenedSets } from './opened-set.js';
import type { Fitted } from './prepared-folder.js';
import { adopted, adoptTable, adoptTensors, type Taught } from './taught.js';
import { isLarge } from './used-sources.js';

/**
 * @param taught what a teacher that Stillhouse trained prescribes
 * @throws StillhouseError DATA_…, TEACHER_UNLIKE
 */
export function fitSets(sets: OpenedSets, recipe: Recipe, taught: Taught | undefined): Promise<Fitted> {
  const { large: largeConfig, small: smallConfig } = recipe.data;
  const large = sets.get('large')!;
  // Rows of the same source add nothing, unless some of its classes were left out.
  const small = smallConfig && (largeConfig.classes || !isLarge(smallConfig, recipe)) ? sets.get('small') : undefined;
  if (large.source.type === 'tensors') return fitToTensors(large.source.tensors, { large, small, taught }, recipe);
  const tables = [...sets.values()].flatMap(({ source }) => (source.type === 'table' ? [source.table] : []));
  return fitToTables(large.source.table, { large, small, tables, taught }, recipe);
}

async function fitToTensors(
  set: TensorSet,
  { large, small, taught }: { large: OpenedSet; small: OpenedSet | undefined; taught: Taught | undefined },
  recipe: Recipe,
): Promise<Fitted> {
  const own = await fitTensors(set, large.selection, recipe);
  const isFitted = recipe.data.tensors?.scale === 'standardize';
  const tensors = taught ? adoptTensors(taught, own, { size: sizeOf(set.inputShape), isFitted }) : own;
  const added =
    small?.source.type === 'tensors' && lossOf(recipe.loss).labels === 'class'
      ? await extendTensors(tensors, small.source.tensors, small.selection)
      : undefined;
  const student = added ? { preprocessing: null, tensors: added } : null;
  return { preprocessing: null, tensors, student };
}

/** The columns that a recipe names, of which the large set must have each unless only the student gets it. */
function namedColumns({ table, split, sampling }: Recipe['data']): NamedColumn[] {
  const { target, columns } = table!;
  const targets = typeof target === 'string' ? [target] : target;
  return [
    ...targets.map((name, i) => ({
      name,
      path: ['data', 'table', 'target', ...(typeof target === 'string' ? [] : [i])],
    })),
    ...Object.keys(columns).map((name) => ({ name, path: ['data', 'table', 'columns', name] })),
    ...(split?.by === undefined ? [] : [{ name: split.by, path: ['data', 'split', 'by'] }]),
    ...(sampling?.weights === undefined ? [] : [{ name: sampling.weights, path: ['data', 'sampling', 'weights'] }]),
  ];
}

async function fitToTables(
  table: Table,
  {
    large,
    small,
    tables,
    taught,
  }: { large: OpenedSet; small: OpenedSet | undefined; tables: readonly Table[]; taught: Taught | undefined },
  { data, loss }: Recipe,
): Promise<Fitted> {
  const config = data.table!;
  const smallTable = small?.source.type === 'table' ? small.source.table : undefined;
  // A column must be the teacher's, or the student's.
  refuseAbsent(
    table,
    namedColumns(data).filter(
      ({ name, path }) => !table.has(name) && !(path[1] === 'table' && path[2] === 'columns' && smallTable?.has(name)),
    ),
  );
  const doubts: string[] = [];
  const how: FitOptions = {
    onDoubt: (doubt) => doubts.push(doubt),
    loss: lossOf(loss),
    key: large.key,
    weight: data.sampling?.weights,
    targetTransform: data.targetTransform,
    sqlTypes: (name) => tables.map((each) => each.columns.find((column) => column.name === name)?.sqlType ?? ''),
  };
  const own = await fitTable(table, large.selection, config, how);
  const preprocessing = taught ? adoptTable(taught, own) : own;
  const added =
    small && smallTable
      ? await extendTable({ base: preprocessing, small: smallTable, large: table }, small.selection, config, how)
      : undefined;
  if (added && data.split?.test) refuseColumnsBeyondTest(preprocessing, added);
  const student = added ? { preprocessing: added, tensors: null } : null;
  const notes = taught ? { adopted: adopted(taught, own, preprocessing) } : {};
  return { preprocessing, tensors: null, student, ...notes, ...(doubts.length > 0 ? { doubts } : {}) };
}

/** Test rows of the large set would lack the student's columns. */
function refuseColumnsBeyondTest(teacher: Preprocessing, student: Preprocessing): void {
  const column = student.columns.at(teacher.columns.length);
  if (!column) return;
  throw new StillhouseError(
    'DATA_COLUMN',
    `data.split.test holds out rows of the large set, which has no column ${column.name} for the student`,
    { next: 'Give a data.test whose rows have the column, or do not declare it in data.table.columns.' },
  );
}
