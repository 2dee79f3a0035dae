// Tables of any format, read by DuckDB: CSV, Parquet, JSON lines, SQL over them. A column is requested as numbers, as
// indices of categories, or as text, and arrives in chunks of typed arrays, always in the same order.
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { isMissingText, messageOf, StillhouseError } from '@stillhouse/core';
import type { Chunk } from '../row/chunk.js';
import {
  BadCell,
  categoryOf,
  readingOf,
  textOf,
  typeOf,
  type TableColumn,
  type Vector,
  type Want,
} from './column-reading.js';
import { notUnicode } from './csv-text.js';
import { adviceFor } from './notation.js';
import { named } from './sql-text.js';

/** Rows checked to determine whether text is numbers. */
const sampleRows = 1000;
/** Columns that one query summarises. */
const summarisedAtOnce = 100;
/** Up to about so many distinct cells are counted exactly, in so many columns at once. */
const [countedExactly, countedAtOnce] = [100_000, 20];
/** Texts among which the most frequent categories are looked for. */
const frequentTexts = 1000;

/** Where tables are. */
export interface Database {
  /** For queries whose results are read at once: a second query would cut a stream short. */
  readonly connection: DuckDBConnection;
  /** A connection for one reading, which its caller closes. */
  connect(): Promise<DuckDBConnection>;
  /** Allows as much memory as a table of so many columns needs while it is read. */
  reserve(columnCount: number): Promise<void>;
}

export interface ColumnSummary {
  readonly missing: number;
  readonly distinct: number;
  /** Whether `distinct` is exact; otherwise it is about right. */
  readonly isExact: boolean;
  readonly min: string | null;
  readonly max: string | null;
}

export interface TableOptions {
  readonly view: string;
  /** Why columns cannot be read. */
  readonly conflicts?: ReadonlyMap<string, string>;
  /** Columns that the file gives no name. */
  readonly unnamed?: readonly string[];
}

export class Table {
  readonly #columns: ReadonlyMap<string, TableColumn>;

  private constructor(
    private readonly database: Database,
    private readonly view: string,
    /** Names the table in errors. */
    readonly what: string,
    private readonly found: { readonly columns: readonly TableColumn[]; readonly rowCount: number },
  ) {
    this.#columns = new Map(found.columns.map((column) => [column.name, column]));
  }

  get columns(): readonly TableColumn[] {
    return this.found.columns;
  }

  get rowCount(): number {
    return this.found.rowCount;
  }

  /**
   * @param relation a table function call or a query in parentheses
   * @throws StillhouseError DATA_FORMAT, DATA_NOT_FOUND, DATA_SPACE
   */
  static async open(database: Database, what: string, relation: string, options: TableOptions): Promise<Table> {
    const { view, conflicts, unnamed } = options;
    const { connection } = database;
    try {
      await connection.run(`CREATE VIEW ${view} AS SELECT * FROM ${relation}`);
      const columns = (await connection.runAndReadAll(`DESCRIBE ${view}`))
        .getRows()
        .map(([title, type]): TableColumn => {
          const [name, sqlType] = [String(title), String(type)];
          const conflict = conflicts?.get(name);
          if (conflict !== undefined) return { name, sqlType, type: 'other', conflict };
          return { name, sqlType, type: typeOf(sqlType), ...(unnamed?.includes(name) ? { isUnnamed: true } : {}) };
        });
      await database.reserve(columns.length);
      const rowCount = Number((await connection.runAndReadAll(`SELECT count(*) FROM ${view}`)).getRows()[0][0]);
      return new Table(database, view, what, { columns, rowCount });
    } catch (cause) {
      throw badTable(what, cause);
    }
  }

  /**
   * Tables one after the other; a column that one of them lacks is missing in its rows.
   * @throws StillhouseError DATA_FORMAT
   */
  static union(database: Database, tables: readonly Table[], view: string): Promise<Table> {
    const columns = tables.flatMap((table) => table.columns);
    return Table.open(
      database,
      tables.map(({ what }) => what).join(' + '),
      `(${tables.map((table) => `SELECT * FROM ${table.view}`).join(' UNION ALL BY NAME ')})`,
      {
        view,
        conflicts: new Map(columns.flatMap(({ name, conflict }) => (conflict === undefined ? [] : [[name, conflict]]))),
        unnamed: columns.flatMap(({ name, isUnnamed }) => (isUnnamed ? name : [])),
      },
    );
  }

  has(name: string): boolean {
    return this.#columns.has(name);
  }

  /** @throws StillhouseError DATA_COLUMN */
  column(name: string): TableColumn {
    const column = this.#columns.get(name);
    if (!column)
      throw new StillhouseError(
        'DATA_COLUMN',
        `${this.what} has no column ${JSON.stringify(name)}; it has ` +
          `${this.columns.map((each) => each.name).join(', ')}`,
      );
    return column;
  }

  /**
   * What a function makes of the first rows of columns, of the texts that do not stand for a missing cell. They are in
   * memory only column by column.
   * @throws StillhouseError DATA_FORMAT
   */
  async sample<Result>(
    names: readonly string[],
    judge: (texts: readonly string[], name: string) => Result,
  ): Promise<Map<string, Result>> {
    const results = new Map<string, Result>();
    if (names.length === 0) return results;
    const select = names.map((name, i) => `${textOf(this.column(name))} AS c${i}`);
    const chunks = await this.#chunksOf(`SELECT ${select.join(', ')} FROM ${this.view} LIMIT ${sampleRows}`);
    names.forEach((name, i) => {
      const texts = chunks.flatMap((chunk) => chunk.getColumnValues(i) as (string | null)[]);
      const known = texts.filter((text) => text !== null && !isMissingText(text.trim())) as string[];
      results.set(name, judge(known, name));
    });
    return results;
  }

  /**
   * The distinct values of a text column, sorted.
   * @throws StillhouseError DATA_COLUMN if there are more than `limit`
   */
  async distinct(name: string, limit: number): Promise<string[]> {
    const column = this.#usable(name);
    const found = new Set<string>();
    const connection = await this.#connect();
    try {
      const result = await connection.stream(`SELECT DISTINCT ${textOf(column)} AS t FROM ${this.view}`);
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
        for (const text of chunk.getColumnValues(0) as (string | null)[]) {
          const category = text === null ? null : categoryOf(column, text);
          if (category !== null) found.add(category);
          if (found.size > limit) throw this.tooMany(name, limit);
        }
    } catch (cause) {
      throw cause instanceof StillhouseError ? cause : badTable(this.what, cause);
    } finally {
      connection.closeSync();
    }
    return [...found].sort();
  }

  /** The error for a column of more categories than `limit`. */
  tooMany(name: string, limit: number): StillhouseError {
    return new StillhouseError('DATA_COLUMN', `${this.what}, column ${name}: more than ${limit} categories`, {
      next: 'Encode the column with { category: hash }, or ignore it.',
    });
  }

  /**
   * Smallest and largest cell, count of missing cells, and count of distinct ones, of every column.
   * @param isNumber whether a text column is to be summarised as numbers
   */
  async summaries(isNumber: (name: string) => boolean): Promise<Map<string, ColumnSummary>> {
    const summaries = new Map<string, ColumnSummary>();
    for (let first = 0; first < this.columns.length; first += summarisedAtOnce) {
      const columns = this.columns.slice(first, first + summarisedAtOnce);
      const select = columns.flatMap((column) => {
        const value = summarised(column, isNumber(column.name));
        return [
          `count(*) - count(${value})`,
          `approx_count_distinct(${value})`,
          `CAST(min(${value}) AS VARCHAR)`,
          `CAST(max(${value}) AS VARCHAR)`,
        ];
      });
      const row = (await this.#read(`SELECT ${select.join(', ')} FROM ${this.view}`)).getRows()[0];
      columns.forEach(({ name }, i) => {
        const [missing, distinct, min, max] = row.slice(4 * i, 4 * i + 4);
        summaries.set(name, {
          missing: Number(missing),
          distinct: Math.min(Number(distinct), this.rowCount - Number(missing)),
          isExact: false,
          min: min as string | null,
          max: max as string | null,
        });
      });
    }
    await this.#countExactly(summaries, isNumber);
    return summaries;
  }

  /** Counts distinct cells where memory allows it. */
  async #countExactly(summaries: Map<string, ColumnSummary>, isNumber: (name: string) => boolean): Promise<void> {
    const few = this.columns.filter(({ name }) => summaries.get(name)!.distinct <= countedExactly);
    for (let first = 0; first < few.length; first += countedAtOnce) {
      const columns = few.slice(first, first + countedAtOnce);
      const select = columns.map((column) => `count(DISTINCT ${summarised(column, isNumber(column.name))})`);
      const [row] = (await this.#read(`SELECT ${select.join(', ')} FROM ${this.view}`)).getRows();
      columns.forEach(({ name }, i) =>
        summaries.set(name, { ...summaries.get(name)!, distinct: Number(row[i]), isExact: true }),
      );
    }
  }

  /** The most frequent values of a text column, with their counts. */
  async frequent(name: string, limit: number): Promise<{ text: string; count: number }[]> {
    const column = this.column(name);
    const text = textOf(column);
    const rows = await this.#read(
      `SELECT ${text} AS t, count(*) AS n FROM ${this.view} WHERE t IS NOT NULL GROUP BY t ORDER BY n DESC, t ` +
        `LIMIT ${frequentTexts}`,
    );
    const counts = new Map<string, number>();
    for (const [value, count] of rows.getRows()) {
      const category = categoryOf(column, String(value));
      if (category !== null) counts.set(category, (counts.get(category) ?? 0) + Number(count));
    }
    return [...counts]
      .map(([each, count]) => ({ text: each, count }))
      .sort((a, b) => b.count - a.count)
      .slice(0, limit);
  }

  /**
   * All rows, in order; several readings may go on at the same time.
   * @throws StillhouseError DATA_CELL naming the row, DATA_COLUMN, DATA_FORMAT, DATA_SPACE
   */
  async *chunks(wants: readonly Want[]): AsyncGenerator<Chunk> {
    const columns = wants.map(({ column }) => this.#usable(column));
    const readings = wants.map((want, i) => readingOf(columns[i], want));
    const select = readings.flatMap((reading) => reading.select);
    const connection = await this.#connect();
    let first = 0;
    try {
      const result = await connection.stream(
        `SELECT ${select.map((expression, i) => `${expression} AS c${i}`).join(', ')} FROM ${this.view}`,
      );
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
        const { rowCount } = chunk;
        const part = chunk;
        let at = 0;
        const cells = readings.map((reading) => {
          const vectors = reading.select.map(() => part.getColumnVector(at++) as unknown as Vector);
          return reading.read(vectors, rowCount);
        });
        yield { rowCount, cells };
        first += rowCount;
      }
    } catch (cause) {
      if (cause instanceof BadCell) throw this.#badCell(cause, first);
      throw cause instanceof StillhouseError ? cause : badTable(this.what, cause);
    } finally {
      connection.closeSync();
    }
  }

  /**
   * The text of one cell, for errors.
   * @param row counted from 0
   */
  async cell(name: string, row: number): Promise<string | null> {
    const rows = await this.#read(`SELECT CAST(${named(name)} AS VARCHAR) FROM ${this.view} LIMIT 1 OFFSET ${row}`);
    return (rows.getRows()[0]?.[0] as string | null | undefined) ?? null;
  }

  #usable(name: string): TableColumn {
    const column = this.column(name);
    if (column.conflict !== undefined)
      throw new StillhouseError('DATA_FORMAT', `${this.what}: ${column.conflict}`, {
        next: 'Give the column one type in all files, ignore it in data.table.columns, or cast it with sql.',
      });
    if (column.type === 'other')
      throw new StillhouseError(
        'DATA_COLUMN',
        `${this.what}, column ${name}: ${column.sqlType} is neither a number nor a category`,
        { next: 'Ignore the column in data.table.columns, or select its parts with sql.' },
      );
    return column;
  }

  #badCell({ column, row, text, message, next: own, otherwise }: BadCell, first: number): StillhouseError {
    const next = own ?? adviceFor([text]) ?? otherwise;
    return new StillhouseError(
      'DATA_CELL',
      `${this.what}, row ${first + row + 1}, column ${column}: ${JSON.stringify(text)} ${message}`,
      next === undefined ? {} : { next: next.replace(/\.?$/, '.') },
    );
  }

  async #connect(): Promise<DuckDBConnection> {
    try {
      return await this.database.connect();
    } catch (cause) {
      throw badTable(this.what, cause);
    }
  }

  async #chunksOf(sql: string): Promise<DuckDBDataChunk[]> {
    try {
      return await (await this.database.connection.run(sql)).fetchAllChunks();
    } catch (cause) {
      throw badTable(this.what, cause);
    }
  }

  async #read(sql: string): Promise<Awaited<ReturnType<DuckDBConnection['runAndReadAll']>>> {
    try {
      return await this.database.connection.runAndReadAll(sql);
    } catch (cause) {
      throw badTable(this.what, cause);
    }
  }
}

/** SQL for what a summary is about: NULL for a missing cell. */
function summarised(column: TableColumn, isNumber: boolean): string {
  const withoutNaN = (number: string): string => `CASE WHEN NOT isnan(${number}) THEN ${number} END`;
  const { name, sqlType, type } = column;
  if (type !== 'text') return sqlType === 'FLOAT' || sqlType === 'DOUBLE' ? withoutNaN(named(name)) : named(name);
  const text = textOf(column);
  if (isNumber) return withoutNaN(`TRY_CAST(${text} AS DOUBLE)`);
  return `CASE WHEN lower(trim(${text})) NOT IN ('', 'na', 'n/a', 'nan', 'null', '?') THEN trim(${text}) END`;
}

/** DuckDB's message in one line, without its advice. */
function complaint(cause: unknown): string {
  const advice = /Possible (?:fixes|solutions)|Candidate|\. ?Try auto-detecting|, Try (?:increasing|setting)/;
  const [text] = messageOf(cause).split(new RegExp(`${advice.source}|\\n\\s*file =|\\n\\s*LINE \\d`));
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('Original Line'));
  return lines
    .join(', ')
    .replace(/^[\w ]*Error: /, '')
    .replace(/ on Line: (\d+)/, ', line $1')
    .slice(0, 500);
}

/** An error with DuckDB's complaint. */
export function badTable(what: string, cause: unknown): StillhouseError {
  const text = complaint(cause);
  if (/not utf-8 encoded/i.test(text)) return notUnicode(`${what}, line ${/line (\d+)/.exec(text)?.[1]},`, cause);
  // A database that has failed internally repeats that error for every query.
  const [, inside] =
    /INTERNAL Error: (.*)|Original error: "?([^"\n]*)/.exec(cause instanceof Error ? cause.message : '') ?? [];
  if (inside !== undefined || /invalidated/.test(text))
    return new StillhouseError(
      'DATA_FORMAT',
      `${what}: DuckDB failed on it${inside === undefined ? '' : `: ${inside}`}`,
      { cause },
    );
  if (/Out of Memory|(could not|failed to) allocate/i.test(messageOf(cause)))
    return new StillhouseError('DATA_SPACE', `${what}: ${text}`, {
      cause,
      next: 'Ignore columns that are not needed in data.table.columns, or select fewer with sql.',
    });
  if (/No space left|failed to offload/i.test(text))
    return new StillhouseError('DATA_SPACE', `${what}: ${text}`, { cause });
  return new StillhouseError('DATA_FORMAT', `${what}: ${text}`, { cause });
}
