// Files with one JSON object per line as a table. A key is a column, and a string is a text as it stands: what it means
// is decided as for a cell of CSV, not guessed as a date or an identifier.
import { StillhouseError } from '@stillhouse/core';
import type { Query, TableFiles } from './duckdb.js';
import { listed, named, quoted } from './sql-text.js';
import type { FileColumn } from './unite-files.js';

/** Types that DuckDB guesses from strings. */
const guessedTypes = /^(DATE|TIME|TIMESTAMP.*|UUID)$/;
/** Types of JSON values whose texts are those of cells. */
const scalars: readonly unknown[] = [null, 'NULL', 'VARCHAR', 'UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE', 'BOOLEAN'];

/** Columns and types are determined from all rows, if they are not given. */
function relationOf(files: readonly string[], columns?: readonly FileColumn[]): string {
  const rows = `read_json(${listed(files)}, format = 'newline_delimited', hive_partitioning = false, `;
  return columns === undefined
    ? `${rows}sample_size = -1, maximum_sample_files = ${Math.max(1, files.length)}, map_inference_threshold = -1, ` +
        'field_appearance_threshold = 0)'
    : `${rows}columns = {${columns.map(({ name, sqlType }) => `${named(name)}: ${quoted(sqlType)}`).join(', ')}})`;
}

/** Names that DuckDB may have given, because a key is empty or differs from another one only in case. */
function maybeRenamed(columns: readonly FileColumn[]): FileColumn[] {
  const names = columns.map(({ name }) => name);
  const isTaken = (name: string): boolean =>
    names.some((other) => other !== name && other.toLowerCase() === name.toLowerCase());
  return columns.filter(({ name }) => /^C\d+$/.test(name) || isTaken(name.replace(/_\d+$/, '')));
}

/** @throws StillhouseError DATA_COLUMN if keys are no names of columns */
async function refuseRenamed(file: string, columns: readonly FileColumn[], query: Query): Promise<void> {
  const maybe = maybeRenamed(columns);
  if (maybe.length === 0) return;
  const count = `SELECT ${maybe.map(({ name }) => `count(${named(name)})`).join(', ')} FROM `;
  const [[renamed], [real]] = [
    await query(count + relationOf([file])),
    await query(
      count +
        relationOf(
          [file],
          maybe.map(({ name }) => ({ name, sqlType: 'JSON' })),
        ),
    ),
  ];
  if (renamed.every((cells, i) => Number(cells) === Number(real[i]))) return;
  throw new StillhouseError(
    'DATA_COLUMN',
    `${file} has a key without a name, or two keys that differ only in upper and lower case`,
    { next: 'Give every key a name of its own.' },
  );
}

/** What is of several types, but neither an object nor a list anywhere, is read as text. */
async function withTexts(file: string, columns: readonly FileColumn[], query: Query): Promise<readonly FileColumn[]> {
  const mixed = columns.filter(({ sqlType }) => sqlType === 'JSON');
  const types = new Map<string, readonly unknown[]>();
  if (mixed.length > 0) {
    const select = mixed.map(({ name }) => `to_json(list(DISTINCT json_type(${named(name)})))`);
    const [found] = await query(`SELECT ${select.join(', ')} FROM ${relationOf([file], mixed)}`);
    mixed.forEach(({ name }, i) => types.set(name, (JSON.parse(String(found[i])) as unknown[] | null) ?? []));
  }
  const isText = ({ name, sqlType }: FileColumn): boolean =>
    guessedTypes.test(sqlType) || (types.get(name)?.every((type) => scalars.includes(type)) ?? false);
  return columns.map((column) => (isText(column) ? { ...column, sqlType: 'VARCHAR' } : column));
}

/** @param what names the table in errors */
export const jsonLines = (what: string): TableFiles => ({
  what,
  relationOf,
  async refine(file, columns, query) {
    // A file without objects has one column, for whole lines.
    if (columns.length === 1 && columns[0].name === 'json' && columns[0].sqlType === 'JSON') return columns;
    await refuseRenamed(file, columns, query);
    return withTexts(file, columns, query);
  },
});
