// A user's query: exactly one SELECT, answered by a DuckDB of its own, which reads only the folders of the recipe and
// its data and whose settings are locked. Its rows are stored in a file.
import { existsSync, realpathSync } from 'node:fs';
import { StillhouseError } from '@stillhouse/core';
import { badQuery } from './bad-query.js';
import { listed } from './sql-text.js';

export type DuckDB = typeof import('@duckdb/node-api');

/** Name of the table in the file. */
export const storedName = 'rows';

const memoryMb = 192;
/** Vectors of 2048 cells that a thread needs per column while it reads or writes. */
const memoryPerColumnMb = 0.2;
/** Tables with more columns are read by one thread, since each thread has vectors of its own. */
const wideColumns = 200;
/**
 * How wide a table may turn out to be: the header of a wider one does not fit into the memory for the one before.
 */
const guessedColumns = [0, 5_000, 20_000];
/** The smallest block of a file, in bytes: while rows are stored, each column has one in memory. */
const smallBlock = '16384';

/**
 * Settings for reading tables with up to so many columns: memory grows with them, not with rows.
 * @param columnCount 0 if it is not known yet
 */
export const settingsFor = (columnCount: number): Record<'memory_limit' | 'threads', string> => ({
  memory_limit: `${Math.ceil(memoryMb + columnCount * memoryPerColumnMb)}MB`,
  threads: columnCount > wideColumns ? '1' : '2',
});

/** @param spillFolder folder for data that do not fit into memory */
export const databaseOptions = (spillFolder: string, columnCount: number): Record<string, string> => ({
  ...settingsFor(columnCount),
  temp_directory: `${spillFolder}/spill`,
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
});

type Connection = Awaited<ReturnType<Awaited<ReturnType<DuckDB['DuckDBInstance']['create']>>['connect']>>;

/** @throws StillhouseError DATA_FORMAT if it is not one SELECT, and what DuckDB throws */
async function columnsOf(sql: string, connection: Connection, api: DuckDB): Promise<number> {
  const statements = await connection.extractStatements(sql);
  const statement = statements.count === 1 ? await statements.prepare(0) : undefined;
  if (statement?.statementType !== api.StatementType.SELECT)
    throw new StillhouseError('DATA_FORMAT', 'data.sql is not exactly one SELECT statement', {
      next: 'Give one query; it may read files, and can change nothing.',
    });
  return statement.columnCount;
}

/**
 * Stores the rows of a query as the table `storedName` of a new database.
 * @param sql with full paths
 * @param file of the database
 * @param folders that the query may read
 * @throws StillhouseError DATA_FORMAT, DATA_SPACE
 */
export async function storeQuery(
  sql: string,
  { api, file, folders, spillFolder }: { api: DuckDB; file: string; folders: readonly string[]; spillFolder: string },
): Promise<void> {
  const allowed = folders.filter((folder) => existsSync(folder)).flatMap((folder) => [folder, realpathSync(folder)]);
  const within = async <Value>(
    columnCount: number,
    name: string,
    work: (connection: Connection) => Promise<Value>,
  ): Promise<Value> => {
    const instance = await api.DuckDBInstance.create(name, {
      ...databaseOptions(spillFolder, columnCount),
      ...(columnCount > wideColumns ? { default_block_size: smallBlock } : {}),
    });
    const connection = await instance.connect();
    try {
      await connection.run(`SET allowed_directories = ${listed([...new Set(allowed)])}`);
      await connection.run('SET enable_external_access = false');
      await connection.run('SET lock_configuration = true');
      return await work(connection);
    } catch (cause) {
      throw cause instanceof StillhouseError ? cause : badQuery(cause);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };
  const columnsWithin = async ([columnCount, ...more]: readonly number[]): Promise<number> => {
    try {
      return await within(columnCount, ':memory:', (connection) => columnsOf(sql, connection, api));
    } catch (error) {
      if (more.length > 0 && error instanceof StillhouseError && error.code === 'DATA_SPACE')
        return columnsWithin(more);
      throw error;
    }
  };
  // The first database only answers how many columns there are, which decides on the memory of the second.
  await within(await columnsWithin(guessedColumns), file, (connection) =>
    connection.run(`CREATE TABLE ${storedName} AS SELECT * FROM (${sql}\n)`),
  );
}
