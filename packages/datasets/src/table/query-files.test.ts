import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TableReader } from './duckdb.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-sql-'));
const tables = new TableReader(folder, folder);
afterAll(() => {
  tables.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['a table by its path', "select * from 'a.csv'", ['a.csv']],
  ['in double quotes', 'select * from "a.csv"', ['a.csv']],
  ['a pattern', "select * from 'logs/*.parquet'", ['logs/*.parquet']],
  ['a list of a table function', "from read_csv(['a.csv', 'b.csv'], header = true)", ['a.csv', 'b.csv']],
  [
    'joins and subqueries, in order',
    "select (select max(x) from 'a.csv') from 'b.csv' join 'c.csv' using (i)",
    ['a.csv', 'b.csv', 'c.csv'],
  ],
  ['a quote in a name', "select * from 'it''s.csv'", ["it's.csv"]],
  ['text is no file', "select 'x.csv' as name from 'a.csv' where b = '*'", ['a.csv']],
  ['a comment is no file', "select * -- from 'x.csv'\nfrom 'a.csv'", ['a.csv']],
])('files of a query: %s', async (_, sql, files) => {
  expect(await tables.filesIn(`(${sql}\n)`)).toEqual(files);
});

test('a query that cannot be parsed is refused in the words of DuckDB', async () => {
  await expect(tables.filesIn('(selec x)')).rejects.toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(/^data\.sql: syntax error/),
  });
});
