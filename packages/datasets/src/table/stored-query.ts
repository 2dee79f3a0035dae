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
  // The first database only answers how many columns there are, which decides on the memory of the second.
  for (let columnCount = 0, isDescribed = false; ; isDescribed = true) {
    const instance = await api.DuckDBInstance.create(isDescribed ? file : ':memory:', {
      ...databaseOptions(spillFolder, columnCount),
      ...(columnCount > wideColumns ? { default_block_size: smallBlock } : {}),
    });
    const connection = await instance.connect();
    try {
      await connection.run(`SET allowed_directories = ${listed([...new Set(allowed)])}`);
      await connection.run('SET enable_external_access = false');
      await connection.run('SET lock_configuration = true');
      if (isDescribed) {
        await connection.run(`CREATE TABLE ${storedName} AS SELECT * FROM (${sql}\n)`);
        return;
      }
      const statements = await connection.extractStatements(sql);
      const statement = statements.count === 1 ? await statements.prepare(0) : undefined;
      if (statement?.statementType !== api.StatementType.SELECT)
        throw new StillhouseError('DATA_FORMAT', 'data.sql is not exactly one SELECT statement', {
          next: 'Give one query; it may read files, and can change nothing.',
        });
      columnCount = statement.columnCount;
    } catch (cause) {
      throw cause instanceof StillhouseError ? cause : badQuery(cause);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }
}
