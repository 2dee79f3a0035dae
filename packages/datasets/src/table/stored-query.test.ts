// A query is data: it is one SELECT, and reads only the folders that it may.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TableReader } from './duckdb.js';
import type { Table } from './table.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-query-'));
const [recipes, others, scratch] = ['recipes', 'others', 'scratch'].map((name) => join(folder, name));
const data = join(folder, 'data');
const tables = new TableReader(recipes, scratch, [data, join(folder, 'absent')]);
beforeAll(() => {
  for (const each of [recipes, join(recipes, 'é parts'), others, scratch, data]) mkdirSync(each, { recursive: true });
  for (const file of [join(recipes, 'é parts/a.csv'), join(others, 'secret.csv'), join(data, 'd.csv')])
    writeFileSync(file, 'a\n1\n2\n');
  symlinkSync(join(others, 'secret.csv'), join(recipes, 'link.csv'));
  symlinkSync(others, join(recipes, 'linked'));
});
afterAll(() => {
  tables.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (sql: string): Promise<Table> => tables.openQuery('data.sql', sql);

describe('reads', () => {
  test.each([
    ['a file next to the recipe', "select * from 'é parts/a.csv'", 2],
    ['patterns, after text that is not ASCII', "select 'é', * from \"é parts/*.csv\" -- 'x.csv'", 2],
    ['a list of files', "from read_csv(['é parts/a.csv', './é parts/a.csv'], header = true)", 4],
    ['itself', "with a as (select * from 'é parts/a.csv') select * from a join a b using (a)", 2],
    ['a data folder', `select a from '${join(data, 'd.csv')}' where a > 1`, 1],
    ['no file', 'values (1), (2), (3)', 3],
  ])('%s', async (_, sql, rows) => {
    expect((await open(sql)).rowCount).toBe(rows);
  });
});

test('thousands of columns are stored in memory that does not grow with rows', { timeout: 60_000 }, async () => {
  const columns = Array.from({ length: 5000 }, (_, i) => `(i + ${i})::DOUBLE AS c${i}`).join(', ');
  expect((await open(`select ${columns} from range(3000) t(i)`)).rowCount).toBe(3000);
});

describe('refuses', () => {
  const secret = join(others, 'secret.csv');
  test.each([
    ['a file elsewhere', `select * from '${secret}'`, /Cannot access file .*secret\.csv/],
    ['a path that leads out', "select * from '../others/secret.csv'", /Cannot access file .*secret\.csv/],
    ['text of a file elsewhere', `select * from read_text('${secret}')`, /Cannot access file/],
    ['a path that is computed', `select * from read_csv('${others}' || '/secret.csv')`, /Cannot access/],
    ['names of files elsewhere', `select * from glob('${others}/*')`, /Cannot access|no rows/],
    ['two statements', 'select 1; select 2', /2 statements/],
    [
      'a statement in parentheses that ends early',
      'select 1); drop table rows; select * from (select 2',
      /syntax error/,
    ],
    ['a copy', `copy (select 1) to '${join(recipes, 'out.csv')}'`, /Only SELECT/],
    ['a database', `attach '${join(recipes, 'x.duckdb')}'`, /Only SELECT/],
    ['an extension', 'install httpfs', /Only SELECT/],
    ['loading', 'load httpfs', /Only SELECT/],
    ['a setting', "set memory_limit = '100GB'", /Only SELECT/],
    ['a query in a query', "select * from query('drop table rows')", /calls query/],
    ['a table named by a text', "select * from query_table('x')", /calls query_table/],
    ['a log in the terminal', "select * from enable_logging('FileSystem', storage = 'stdout')", /calls enable_logging/],
    ['a profile', `select 1 from (from ENABLE_PROFILING(save_location = '${others}/p.txt'))`, /calls enable_profiling/],
    ['a query in JSON', "with a as (from json_execute_serialized_sql('{}')) from a", /calls json_execute/],
    ['a checkpoint', 'select * from checkpoint()', /calls checkpoint/],
    ['a link to a file elsewhere', "select * from 'link.csv'", /Cannot access file .*link\.csv/],
    ['a link to a folder elsewhere', "select * from 'linked/*.csv'", /Cannot access file .*linked/],
    ['a URL of a file', `select * from 'file://${secret}'`, /Cannot access file/],
    ['a path that leads out of a URL', `select * from read_csv('file://${recipes}/../others/secret.csv')`, /Cannot/],
    ['the network', "select * from 'https://127.0.0.1:1/x.csv'", /./],
  ])('%s', async (_, sql, message) => {
    await expect(open(sql)).rejects.toMatchObject({ code: 'DATA_FORMAT', message: expect.stringMatching(message) });
  });

  test.each(["selct * from 'd.csv'", 'select nowhere from nothing'])(
    'and says that the query is wrong: %s',
    async (sql) => {
      await expect(open(sql)).rejects.toMatchObject({ code: 'DATA_FORMAT', next: 'Correct the query in data.sql.' });
    },
  );

  test('and says what it may read', async () => {
    await expect(open(`select * from '${secret}'`)).rejects.toMatchObject({
      next: expect.stringContaining('in the folder of the recipe and in data folders'),
    });
  });

  test('and has written nothing', () => {
    expect(['out.csv', 'x.duckdb'].filter((name) => existsSync(join(recipes, name)))).toEqual([]);
  });
});
