// Columns and classes in which the small or the test set differs from the large one: used, filled in, reported, or
// refused.
import { StillhouseError, type Recipe } from '@stillhouse/core';
import type { Fitted, FittedRows } from './prepared-folder.js';
import type { Preprocessing } from '../table/preprocessing.js';
import { canLack } from '../table/table-rows.js';
import type { Table } from '../table/table.js';

const listed = (columns: readonly { readonly name: string }[]): string => columns.map(({ name }) => name).join(', ');

/** Names or numbers of the classes; none for regression. */
export function classesOf({ preprocessing, tensors }: FittedRows): readonly string[] {
  return (
    preprocessing?.classes ?? tensors?.classes ?? Array.from({ length: tensors?.classCount ?? 0 }, (_, i) => String(i))
  );
}

/** What a student will know in addition to its teacher, as sentences. */
export function addedTo({ student, ...teacher }: Fitted): string[] {
  if (!student) return [];
  const columns = student.preprocessing?.columns.slice(teacher.preprocessing!.columns.length) ?? [];
  const classes = classesOf(student).slice(classesOf(teacher).length);
  return [
    ...(columns.length > 0 ? [`columns of data.small that only the student gets: ${listed(columns)}`] : []),
    ...(classes.length > 0
      ? [
          `classes of data.small that the teacher does not know: ${classes.join(', ')}; the student learns ` +
            'them only from the labels',
        ]
      : []),
  ];
}

/** Columns without a name that are not used in any set, as one sentence. */
export function unnamedColumns(tables: readonly Table[], declared: readonly string[]): string[] {
  const unused = tables.flatMap(({ columns }) =>
    columns.flatMap(({ name, isUnnamed }) => (isUnnamed && !declared.includes(name) ? name : [])),
  );
  return unused.length === 0
    ? []
    : [
        `columns without a name are not used: ${[...new Set(unused)].join(', ')}; declare them by this name in ` +
          'data.table.columns to use them',
      ];
}

/**
 * The columns that a set lacks, and those that are not used, as sentences.
 * @param name name of the set, small or test
 * @throws StillhouseError DATA_COLUMN if a lacking column cannot be filled in
 */
export function unlikeColumns(
  name: string,
  { table, large }: { table: Table; large: Table },
  { columns, targets }: Preprocessing,
  data: Recipe['data'],
): string[] {
  const what = `data.${name} (${table.what})`;
  const absent = columns.filter((column) => !table.has(column.name));
  const needed = absent.find((column) => !canLack(column));
  if (needed)
    throw new StillhouseError(
      'DATA_COLUMN',
      `${what} has no column ${JSON.stringify(needed.name)}, and its cells may not be missing; it has ` +
        `${listed(table.columns)}`,
      {
        next:
          'Give the column, ignore it, or declare { number: standardize, missing: mean } for it in ' +
          'data.table.columns.',
      },
    );
  if (absent.length === columns.length)
    throw new StillhouseError(
      'DATA_COLUMN',
      `${what} has none of the inputs' columns; it has ${listed(table.columns)}`,
    );
  const known = new Set([
    ...[...large.columns, ...columns, ...targets].map((column) => column.name),
    ...Object.keys(data.table!.columns),
    data.split?.by,
  ]);
  const unused = table.columns.filter((column) => !known.has(column.name) && !column.isUnnamed);
  const advice = name === 'small' ? '; declare them in data.table.columns to give them to the student' : '';
  return [
    ...(absent.length > 0 ? [`${what} has no column ${listed(absent)}: the cells count as missing`] : []),
    ...(unused.length > 0
      ? [`${what}: columns that the large set lacks, and that are not used: ${listed(unused)}${advice}`]
      : []),
  ];
}
