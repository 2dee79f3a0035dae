// Several files as one table: their columns are matched by name, a column that a file lacks is missing in its rows, and
// types that differ are united or refused. No file decides for the others.
import { named } from './sql-text.js';
import { unitedType } from './unite-types.js';

export interface FileColumn {
  readonly name: string;
  /** DuckDB's name for its type. */
  readonly sqlType: string;
  /** Why the column cannot be read. */
  readonly conflict?: string;
}

/** Consecutive files with the same columns. */
export interface FileRun {
  readonly files: readonly string[];
  readonly columns: readonly FileColumn[];
  /** Rows of the files; undefined if they need not be counted. */
  readonly rows?: number;
  /** Cells of each column that are not missing, if they were counted. */
  readonly known?: ReadonlyMap<string, number>;
}

/** DuckDB's names of columns do not depend on case. */
const keyOf = (name: string): string => name.toLowerCase();

const find = ({ columns }: FileRun, name: string): FileColumn | undefined =>
  columns.find((column) => keyOf(column.name) === keyOf(name));

export function runsOf(files: readonly (readonly [file: string, columns: readonly FileColumn[]])[]): FileRun[] {
  const runs: { files: string[]; columns: readonly FileColumn[]; id: string }[] = [];
  for (const [file, columns] of files) {
    const id = JSON.stringify(columns);
    const last = runs.at(-1);
    if (last?.id === id) last.files.push(file);
    else runs.push({ files: [file], columns, id });
  }
  return runs.map(({ files: of, columns }) => ({ files: of, columns }));
}

/** Names of the columns that are not of one type. */
export const unlikeColumnsOf = (runs: readonly FileRun[]): string[] =>
  columnNames(runs).filter((name) => new Set(runs.flatMap((run) => find(run, name)?.sqlType ?? [])).size > 1);

/** In the order of the first file, followed by what only later ones have. */
function columnNames(runs: readonly FileRun[]): string[] {
  const names = new Map<string, string>();
  for (const { columns } of runs)
    for (const { name } of columns) if (!names.has(keyOf(name))) names.set(keyOf(name), name);
  return [...names.values()];
}

/**
 * The columns of all runs. A file without rows, or a column without a cell that is known, does not count.
 * @param runs with counts
 */
export function unitedColumns(runs: readonly FileRun[]): FileColumn[] {
  const filled = runs.filter(({ rows }) => rows !== 0);
  const counted = filled.length > 0 ? filled : runs;
  return columnNames(counted).map((name) => {
    const having = counted.filter((run) => find(run, name));
    const unreadable = having.map((run) => find(run, name)!).find(({ conflict }) => conflict !== undefined);
    if (unreadable) return { ...unreadable, name };
    const known = having.filter((run) => run.known?.get(keyOf(name)) !== 0);
    const typed = (known.length > 0 ? known : having).map((run) => ({
      file: run.files[0],
      sqlType: find(run, name)!.sqlType,
    }));
    const [first] = typed;
    const sqlType = unitedType(typed.map((each) => each.sqlType));
    if (sqlType !== undefined) return { name, sqlType };
    const other = typed.find((each) => unitedType([first.sqlType, each.sqlType]) === undefined) ?? typed.at(-1)!;
    return {
      name,
      sqlType: `${first.sqlType} and ${other.sqlType}`,
      conflict: `column ${name} is ${first.sqlType} in ${first.file}, but ${other.sqlType} in ${other.file}`,
    };
  });
}

/** Counts what decides on types. */
export const countsOf = (relation: string, names: readonly string[]): string =>
  `SELECT ${['count(*)', ...names.map((name) => `count(${named(name)})`)].join(', ')} FROM ${relation}`;

/** @param counts the result of `countsOf` */
export const withCounts = (run: FileRun, names: readonly string[], counts: readonly unknown[]): FileRun => ({
  ...run,
  rows: Number(counts[0]),
  known: new Map(names.map((name, i) => [keyOf(name), Number(counts[i + 1])])),
});

/** The columns of a run that are among some names. */
export const namesIn = (run: FileRun, names: readonly string[]): string[] =>
  names.flatMap((name) => find(run, name)?.name ?? []);

/** @param relationOf relation of files with the same columns */
export function unitedRelation(
  runs: readonly FileRun[],
  columns: readonly FileColumn[],
  relationOf: (files: readonly string[], columns: readonly FileColumn[]) => string,
): string {
  const selects = runs.map((run) => {
    const cells = columns.map(({ name, sqlType, conflict }) => {
      const own = find(run, name);
      const type = conflict === undefined ? sqlType : 'VARCHAR';
      return `CAST(${own ? named(own.name) : 'NULL'} AS ${type}) AS ${named(name)}`;
    });
    return `SELECT ${cells.join(', ')} FROM ${relationOf(run.files, run.columns)}`;
  });
  return `(${selects.join(' UNION ALL ')})`;
}
