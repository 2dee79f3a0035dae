// One DuckDB per preparation or inspection, opened with the first table: no network, and memory that grows with the
// columns of a table, not with its rows.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { firstLineOf, StillhouseError } from '@stillhouse/core';
import { filesInSyntaxTree, withFullPaths } from './query-files.js';
import { quoted } from './sql-text.js';
import { databaseOptions, settingsFor, storeQuery, storedName, type DuckDB } from './stored-query.js';
import { badTable, Table, type Database, type TableOptions } from './table.js';
import {
  countsOf,
  namesIn,
  runsOf,
  unitedColumns,
  unitedRelation,
  unlikeColumnsOf,
  withCounts,
  type FileColumn,
  type FileRun,
} from './unite-files.js';

interface OpenDatabase extends Database {
  readonly api: DuckDB;
}

/** Answers a query with its rows. */
export type Query = (sql: string) => Promise<unknown[][]>;

/** Files of one format, as one table. */
export interface TableFiles {
  /** Names the table in errors. */
  readonly what: string;
  /** Relation of files that have the same columns, which are given if they were determined file by file. */
  readonly relationOf: (files: readonly string[], columns?: readonly FileColumn[]) => string;
  /** Columns of a file; by default DuckDB finds them. */
  readonly columnsOf?: (file: string) => readonly FileColumn[];
  /** How the columns that DuckDB finds in a file are read. */
  readonly refine?: (file: string, columns: readonly FileColumn[], query: Query) => Promise<readonly FileColumn[]>;
  /** Columns that a file gives no name. */
  readonly unnamed?: readonly string[];
}

export class TableReader {
  #database: Promise<OpenDatabase> | undefined;
  #close = (): void => {};
  #views = 0;
  #spools = 0;

  /**
   * @param recipeFolder folder that the paths in a query are relative to
   * @param spillFolder folder for data that do not fit into memory
   * @param dataFolders folders that a query may read, in addition to the recipe's
   */
  constructor(
    private readonly recipeFolder: string,
    private readonly spillFolder: string,
    private readonly dataFolders: readonly string[] = [],
  ) {}

  /**
   * @param what names the table in errors
   * @param relation a table function call or a query in parentheses, whose rows are in the same order each time
   * @throws StillhouseError DATA_READER if DuckDB cannot be loaded, DATA_FORMAT, DATA_NOT_FOUND, DATA_SPACE
   */
  async open(what: string, relation: string, options: Omit<TableOptions, 'view'> = {}): Promise<Table> {
    return Table.open(await this.#opened(), what, relation, { ...options, view: this.#nextView() });
  }

  /**
   * Files as one table: columns are matched by name, and types that differ are united or, if a column is read whose
   * types cannot be, refused.
   * @throws StillhouseError DATA_READER if DuckDB cannot be loaded, DATA_FORMAT, DATA_NOT_FOUND, DATA_SPACE
   */
  async openFiles(files: readonly string[], how: TableFiles): Promise<Table> {
    const { what, relationOf, unnamed = [] } = how;
    const query = await this.#queryOf(what);
    let runs = await runsIn(files, how, query);
    if (runs.length > 1) {
      const unlike = unlikeColumnsOf(runs);
      runs = await Promise.all(
        runs.map(async (run) => {
          const names = namesIn(run, unlike);
          const [counts] = await query(countsOf(relationOf(run.files, run.columns), names));
          return withCounts(run, names, counts);
        }),
      );
    }
    const columns = unitedColumns(runs);
    const relation =
      runs.length > 1 ? unitedRelation(runs, columns, relationOf) : relationOf(files, runs.at(0)?.columns);
    return this.open(what, relation, {
      unnamed,
      conflicts: new Map(columns.flatMap(({ name, conflict }) => (conflict === undefined ? [] : [[name, conflict]]))),
    });
  }

  /**
   * The rows of a query, which are stored: it need not return them in the same order twice.
   * @param what names the table in errors
   * @param sql exactly one SELECT, which reads only files in the folders of the recipe and its data
   * @throws StillhouseError DATA_READER if DuckDB cannot be loaded, DATA_FORMAT, DATA_SPACE
   */
  async openQuery(what: string, sql: string): Promise<Table> {
    const { api, connection } = await this.#opened();
    const file = this.spoolFile('query.duckdb');
    const catalog = `query${this.#views}`;
    await storeQuery(withFullPaths(sql, await this.#syntaxTree(sql), this.recipeFolder), {
      api,
      file,
      folders: [this.recipeFolder, ...this.dataFolders],
      spillFolder: this.spillFolder,
    });
    await connection.run(`ATTACH ${quoted(file)} AS ${catalog} (READ_ONLY)`);
    return this.open(what, `${catalog}.${storedName}`);
  }

  /**
   * Tables one after the other; a column that one of them lacks is missing in its rows.
   * @throws StillhouseError DATA_FORMAT
   */
  async union(tables: readonly Table[]): Promise<Table> {
    return Table.union(await this.#opened(), tables, this.#nextView());
  }

  /**
   * Paths and patterns that a query reads, in the order in which it names them.
   * @param sql exactly one SELECT
   * @throws StillhouseError DATA_FORMAT
   */
  async filesIn(sql: string): Promise<string[]> {
    return filesInSyntaxTree(await this.#syntaxTree(sql));
  }

  /** A new file for rows that are stored because they are read more than once. */
  spoolFile(name: string): string {
    const folder = join(this.spillFolder, 'spool');
    mkdirSync(folder, { recursive: true });
    return join(folder, `${this.#spools++}-${name}`);
  }

  close(): void {
    this.#close();
  }

  async #syntaxTree(sql: string): Promise<string> {
    const { connection } = await this.#opened();
    const result = await connection.runAndReadAll(`SELECT json_serialize_sql(${quoted(sql)}::VARCHAR)`);
    return String(result.getRows()[0][0]);
  }

  async #queryOf(what: string): Promise<Query> {
    const { connection } = await this.#opened();
    return async (sql) => {
      try {
        return (await connection.runAndReadAll(sql)).getRows();
      } catch (cause) {
        throw badTable(what, cause);
      }
    };
  }

  #nextView(): string {
    return `source${this.#views++}`;
  }

  #opened(): Promise<OpenDatabase> {
    return (this.#database ??= this.#open());
  }

  async #open(): Promise<OpenDatabase> {
    let api: DuckDB;
    try {
      api = await import('@duckdb/node-api');
    } catch (cause) {
      throw new StillhouseError('DATA_READER', `DuckDB, which reads tables, cannot be loaded: ${firstLineOf(cause)}`, {
        cause,
      });
    }
    const instance = await api.DuckDBInstance.create(
      `${this.spillFolder}/queries.duckdb`,
      databaseOptions(this.spillFolder, 0),
    );
    const connection = await instance.connect();
    this.#close = () => {
      connection.closeSync();
      instance.closeSync();
    };
    let widest = 0;
    const reserve = async (columnCount: number): Promise<void> => {
      if (columnCount <= widest) return;
      widest = columnCount;
      for (const [name, value] of Object.entries(settingsFor(widest)))
        await connection.run(`SET ${name} = ${quoted(value)}`);
    };
    return { api, connection, connect: () => instance.connect(), reserve };
  }
}

/** Files with their columns; none if it is one file whose columns DuckDB finds. */
async function runsIn(
  files: readonly string[],
  { relationOf, columnsOf, refine }: TableFiles,
  query: Query,
): Promise<FileRun[]> {
  if (files.length === 1 && !refine) return [];
  const found: [string, readonly FileColumn[]][] = [];
  for (const file of files) {
    const own = columnsOf?.(file);
    const described = async (): Promise<FileColumn[]> =>
      (await query(`DESCRIBE SELECT * FROM ${relationOf([file])}`)).map(([name, type]) => ({
        name: String(name),
        sqlType: String(type),
      }));
    const columns = own ?? (await described());
    found.push([file, refine ? await refine(file, columns, query) : columns]);
  }
  return runsOf(found);
}
