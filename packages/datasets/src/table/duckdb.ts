// One DuckDB per preparation or inspection, opened with the first table: bounded memory, no network, and paths relative
// to the recipe.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLineOf, StillhouseError } from '@stillhouse/core';
import { filesInSyntaxTree } from './query-files.js';
import { badTable, quoted, Table, type Database } from './table.js';

const memoryLimit = '192MB';

export class TableReader {
  #database: Promise<Database> | undefined;
  #close = (): void => {};
  #views = 0;
  #spools = 0;

  /**
   * @param recipeFolder folder that the paths in a query are relative to
   * @param spillFolder folder for data that do not fit into memory
   */
  constructor(
    private readonly recipeFolder: string,
    private readonly spillFolder: string,
  ) {}

  /**
   * @param what names the table in errors
   * @param relation a table function call or a query in parentheses
   * @throws StillhouseError DATA_READER if DuckDB cannot be loaded, DATA_FORMAT, DATA_NOT_FOUND
   */
  async open(what: string, relation: string, options: { isStored?: boolean } = {}): Promise<Table> {
    return Table.open(await this.#opened(), what, relation, { ...options, view: this.#nextView() });
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
   * @param relation a query in parentheses
   * @throws StillhouseError DATA_FORMAT
   */
  async filesIn(relation: string): Promise<string[]> {
    const { connection } = await this.#opened();
    try {
      const result = await connection.runAndReadAll(
        `SELECT json_serialize_sql(${quoted(`SELECT * FROM ${relation}`)}::VARCHAR)`,
      );
      return filesInSyntaxTree(String(result.getRows()[0][0]));
    } catch (cause) {
      throw badTable('data.sql', cause);
    }
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

  #nextView(): string {
    return `source${this.#views++}`;
  }

  #opened(): Promise<Database> {
    return (this.#database ??= this.#open());
  }

  async #open(): Promise<Database> {
    let api: typeof import('@duckdb/node-api');
    try {
      api = await import('@duckdb/node-api');
    } catch (cause) {
      throw new StillhouseError('DATA_READER', `DuckDB, which reads tables, cannot be loaded: ${firstLineOf(cause)}`, {
        cause,
      });
    }
    const instance = await api.DuckDBInstance.create(`${this.spillFolder}/queries.duckdb`, {
      memory_limit: memoryLimit,
      threads: '2',
      temp_directory: `${this.spillFolder}/spill`,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connect = async (): Promise<DuckDBConnection> => {
      const connection = await instance.connect();
      await connection.run(`SET file_search_path = ${quoted(this.recipeFolder)}`);
      return connection;
    };
    const connection = await connect();
    this.#close = () => {
      connection.closeSync();
      instance.closeSync();
    };
    return { connection, connect };
  }
}
