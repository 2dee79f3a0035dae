// Tables of any format, read by DuckDB: CSV, Parquet, JSON lines, SQL over them. A column is requested as numbers, as
// indices of categories, or as text, and arrives in chunks of typed arrays, always in the same order.
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { messageOf, missingMarks, StillhouseError, type Numbers } from '@stillhouse/core';
import type { Chunk } from '../row/chunk.js';

export interface TableColumn {
  readonly name: string;
  readonly type: 'number' | 'text' | 'other';
  /** DuckDB's name for its type. */
  readonly sqlType: string;
}

/**
 * How a column is requested: numbers, NaN if missing; indices of categories from 1, 0 if missing or unknown; or text.
 */
export type Want = { readonly column: string } & (
  | { readonly as: 'number' }
  | { readonly as: 'category'; readonly categories: readonly string[] }
  | { readonly as: 'text' }
);

/** Rows checked to determine whether text is numbers. */
const typeSampleRows = 1000;

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const listed = (texts: readonly string[]): string => `[${texts.map(quoted).join(', ')}]`;
const named = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const numberTypes = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)$/;
const timeTypes = /^(DATE|TIME|TIMESTAMP.*)$/;
const textTypes = /^(VARCHAR|UUID|ENUM.*)$/;
/** Types whose vectors are plain arrays of numbers. */
const plainTypes = /^(U?(TINY|SMALL)INT|U?INTEGER|FLOAT|DOUBLE)$/;

function typeOf(sqlType: string): TableColumn['type'] {
  if (numberTypes.test(sqlType) || timeTypes.test(sqlType)) return 'number';
  return textTypes.test(sqlType) ? 'text' : 'other';
}

/** Cells as trimmed text; null if one of the marks for a missing cell. */
function textOf({ name, sqlType }: TableColumn): string {
  const cell = named(name);
  // 3.0 is 3 in JavaScript, and a category must have the same name everywhere.
  const text = /^(FLOAT|DOUBLE)$/.test(sqlType)
    ? `CASE WHEN ${cell} = trunc(${cell}) AND abs(${cell}) < 1e15 THEN CAST(CAST(${cell} AS BIGINT) AS VARCHAR) ` +
      `ELSE CAST(${cell} AS VARCHAR) END`
    : `CAST(${cell} AS VARCHAR)`;
  // A NUL would end the text of a query that names the category.
  const trimmed = `trim(replace(${text}, chr(0), chr(65533)), ' ' || chr(9) || chr(10) || chr(13))`;
  return `CASE WHEN lower(${trimmed}) IN (${missingMarks.map(quoted).join(', ')}) THEN NULL ELSE ${trimmed} END`;
}

/** Seconds since 1970 for times, 0 and 1 for booleans. */
function numberOf(column: TableColumn): string {
  if (column.type === 'text') return `CAST(${textOf(column)} AS DOUBLE)`;
  if (timeTypes.test(column.sqlType)) return `epoch(${named(column.name)})`;
  if (column.sqlType === 'BOOLEAN') return `CAST(${named(column.name)} AS UTINYINT)`;
  return plainTypes.test(column.sqlType) ? named(column.name) : `CAST(${named(column.name)} AS DOUBLE)`;
}

/** DuckDB's message in one line, without its advice. */
function complaint(cause: unknown): string {
  const [text] = messageOf(cause).split(/Possible (?:fixes|solutions)|Candidate|\n\s*file =|\n\s*LINE \d/);
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

/** Where tables are. */
export interface Database {
  /** For queries whose results are read at once: a second query would cut a stream short. */
  readonly connection: DuckDBConnection;
  /** A connection for one reading, which its caller closes. */
  connect(): Promise<DuckDBConnection>;
}

export class Table {
  /** Counts readings: the types of categories of each have names of their own. */
  #readings = 0;

  private constructor(
    private readonly database: Database,
    private readonly view: string,
    /** Names the table in errors. */
    readonly what: string,
    private readonly found: { readonly columns: readonly TableColumn[]; readonly rowCount: number },
  ) {}

  get columns(): readonly TableColumn[] {
    return this.found.columns;
  }

  get rowCount(): number {
    return this.found.rowCount;
  }

  /**
   * @param relation a table function call or a query in parentheses
   * @throws StillhouseError DATA_FORMAT, DATA_NOT_FOUND
   */
  static async open(
    database: Database,
    what: string,
    relation: string,
    options: { view: string; isStored?: boolean },
  ): Promise<Table> {
    const { view } = options;
    const { connection } = database;
    try {
      // A query's rows are stored: it need not return them in the same order twice.
      await connection.run(`CREATE ${options.isStored ? 'TABLE' : 'VIEW'} ${view} AS SELECT * FROM ${relation}`);
      const columns = (await connection.runAndReadAll(`DESCRIBE ${view}`))
        .getRows()
        .map(([name, type]) => ({ name: String(name), sqlType: String(type), type: typeOf(String(type)) }));
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
    return Table.open(
      database,
      tables.map(({ what }) => what).join(' + '),
      `(${tables.map((table) => `SELECT * FROM ${table.view}`).join(' UNION ALL BY NAME ')})`,
      { view },
    );
  }

  has(name: string): boolean {
    return this.columns.some((column) => column.name === name);
  }

  /** @throws StillhouseError DATA_COLUMN */
  column(name: string): TableColumn {
    const column = this.columns.find((each) => each.name === name);
    if (!column)
      throw new StillhouseError(
        'DATA_COLUMN',
        `${this.what} has no column ${JSON.stringify(name)}; it has ` +
          `${this.columns.map((each) => each.name).join(', ')}`,
      );
    return column;
  }

  /** Whether a text column has a number, or no value, among its first rows. */
  async looksNumeric(name: string): Promise<boolean> {
    const text = textOf(this.column(name));
    const [known, numbers] = await this.#row(
      `SELECT count(t), count(TRY_CAST(t AS DOUBLE)) FROM (SELECT ${text} AS t FROM ${this.view} LIMIT ` +
        `${typeSampleRows})`,
    );
    return Number(known) === 0 || Number(numbers) > 0;
  }

  /**
   * The distinct values of a text column, sorted.
   * @throws StillhouseError DATA_COLUMN if there are more than `limit`
   */
  async distinct(name: string, limit: number): Promise<string[]> {
    const text = textOf(this.column(name));
    const rows = await this.#rows(
      `SELECT DISTINCT t FROM (SELECT ${text} AS t FROM ${this.view}) WHERE t IS NOT NULL LIMIT ${limit + 1}`,
    );
    if (rows.length > limit)
      throw new StillhouseError('DATA_COLUMN', `${this.what}, column ${name}: more than ${limit} categories`, {
        next: 'Encode the column with { category: hash }, or ignore it.',
      });
    return rows.map(([text]) => String(text)).sort();
  }

  /** Smallest and largest number, count of missing cells, and count of distinct ones (about). */
  async summary(name: string): Promise<{ missing: number; distinct: number; min: string | null; max: string | null }> {
    const column = this.column(name);
    const isNumber = column.type === 'number' || (column.type === 'text' && (await this.looksNumeric(name)));
    const value =
      column.type === 'other'
        ? named(name)
        : isNumber && column.type === 'text'
          ? `TRY_CAST(${textOf(column)} AS DOUBLE)`
          : isNumber
            ? named(name)
            : textOf(column);
    const [missing, distinct, min, max] = await this.#row(
      'SELECT count(*) - count(v), approx_count_distinct(v), CAST(min(v) AS VARCHAR), CAST(max(v) AS VARCHAR) ' +
        `FROM (SELECT ${value} AS v FROM ${this.view})`,
    );
    return {
      missing: Number(missing),
      distinct: Number(distinct),
      min: min as string | null,
      max: max as string | null,
    };
  }

  /** The most frequent values of a text column, with their counts. */
  async frequent(name: string, limit: number): Promise<{ text: string; count: number }[]> {
    const text = textOf(this.column(name));
    return (
      await this.#rows(
        `SELECT t, count(*) AS n FROM (SELECT ${text} AS t FROM ${this.view}) WHERE t IS NOT NULL GROUP BY t ` +
          `ORDER BY n DESC, t LIMIT ${limit}`,
      )
    ).map(([value, count]) => ({ text: String(value), count: Number(count) }));
  }

  /**
   * All rows, in order; several readings may go on at the same time.
   * @throws StillhouseError DATA_CELL naming the row, DATA_COLUMN, DATA_FORMAT
   */
  async *chunks(wants: readonly Want[]): AsyncGenerator<Chunk> {
    const reading = this.#readings++;
    const types: (string | undefined)[] = [];
    const select = wants.map((want, i) => {
      const column = this.#usable(want.column);
      if (want.as === 'number') return numberOf(column);
      types[i] = want.as === 'category' && want.categories.length > 0 ? `${this.view}_${reading}_e${i}` : undefined;
      return want.as === 'text'
        ? textOf(column)
        : want.categories.length === 0
          ? 'NULL::UTINYINT'
          : `TRY_CAST(${textOf(column)} AS ${types[i]})`;
    });
    const connection = await this.#connect();
    try {
      for (const [i, want] of wants.entries())
        if (types[i] && want.as === 'category')
          await connection.run(`CREATE TYPE ${types[i]} AS ENUM (${want.categories.map(quoted).join(', ')})`);
      const result = await connection.stream(
        `SELECT ${select.map((expression, i) => `${expression} AS c${i}`).join(', ')} FROM ${this.view}`,
      );
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
        yield { rowCount: chunk.rowCount, cells: wants.map((want, i) => cellsOf(chunk, i, want.as)) };
      }
    } catch (cause) {
      if (cause instanceof StillhouseError) throw cause;
      throw (await this.#badCell(wants)) ?? badTable(this.what, cause);
    } finally {
      for (const type of types) if (type) await connection.run(`DROP TYPE IF EXISTS ${type}`).catch(() => {});
      connection.closeSync();
    }
  }

  /**
   * The text of one cell, for errors.
   * @param row counted from 0
   */
  async cell(name: string, row: number): Promise<string | null> {
    const [text] = await this.#row(`SELECT CAST(${named(name)} AS VARCHAR) FROM ${this.view} LIMIT 1 OFFSET ${row}`);
    return (text as string | null | undefined) ?? null;
  }

  #usable(name: string): TableColumn {
    const column = this.column(name);
    if (column.type === 'other')
      throw new StillhouseError(
        'DATA_COLUMN',
        `${this.what}, column ${name}: ${column.sqlType} is neither a number nor a category`,
        { next: 'Ignore the column in data.table.columns, or select its parts with sql.' },
      );
    return column;
  }

  /** The first cell that must be a number and is not. */
  async #badCell(wants: readonly Want[]): Promise<StillhouseError | undefined> {
    for (const { column: name, as } of wants) {
      const column = this.column(name);
      if (as !== 'number' || column.type !== 'text') continue;
      const rows = await this.#rows(
        `SELECT r, t FROM (SELECT row_number() OVER () AS r, ${textOf(column)} AS t FROM ${this.view}) WHERE t ` +
          'IS NOT NULL AND TRY_CAST(t AS DOUBLE) IS NULL LIMIT 1',
      ).catch(() => []);
      if (rows.length > 0)
        return new StillhouseError(
          'DATA_CELL',
          `${this.what}, row ${String(rows[0][0])}, column ${name}: ${JSON.stringify(rows[0][1])} is not a number`,
        );
    }
    return undefined;
  }

  async #connect(): Promise<DuckDBConnection> {
    try {
      return await this.database.connect();
    } catch (cause) {
      throw badTable(this.what, cause);
    }
  }

  async #rows(sql: string): Promise<unknown[][]> {
    try {
      return (await this.database.connection.runAndReadAll(sql)).getRows();
    } catch (cause) {
      throw badTable(this.what, cause);
    }
  }

  async #row(sql: string): Promise<unknown[]> {
    return (await this.#rows(sql))[0] ?? [];
  }
}

/** An error with DuckDB's complaint. */
export function badTable(what: string, cause: unknown): StillhouseError {
  const text = complaint(cause);
  // A database that has failed internally repeats that error for every query.
  const [, inside] =
    /INTERNAL Error: (.*)|Original error: "?([^"\n]*)/.exec(cause instanceof Error ? cause.message : '') ?? [];
  if (inside !== undefined || /invalidated/.test(text))
    return new StillhouseError(
      'DATA_FORMAT',
      `${what}: DuckDB failed on it${inside === undefined ? '' : `: ${inside}`}`,
      { cause },
    );
  if (/Out of Memory|could not allocate|No space left|failed to offload/i.test(text))
    return new StillhouseError('DATA_SPACE', `${what}: ${text}`, { cause });
  return new StillhouseError('DATA_FORMAT', `${what}: ${text}`, { cause });
}

interface NumberVector {
  readonly items: Numbers | readonly unknown[];
  readonly validity: { readonly data: BigUint64Array | null };
}

function cellsOf(chunk: DuckDBDataChunk, index: number, as: Want['as']): Numbers | readonly (string | null)[] {
  const vector = chunk.getColumnVector(index);
  const { rowCount } = chunk;
  if (as === 'text') return Array.from({ length: rowCount }, (_, i) => vector.getItem(i) as string | null);
  const { items, validity } = vector as unknown as NumberVector;
  const valid =
    validity.data && new Uint8Array(validity.data.buffer, validity.data.byteOffset, validity.data.byteLength);
  const isValid = (i: number): boolean => !valid || ((valid[i >> 3] >> (i & 7)) & 1) === 1;
  if (as === 'category')
    return Uint32Array.from({ length: rowCount }, (_, i) => (isValid(i) ? (items[i] as number) + 1 : 0));
  if (!valid) return items as Numbers;
  return Float64Array.from({ length: rowCount }, (_, i) => (isValid(i) ? (items[i] as number) : NaN));
}
