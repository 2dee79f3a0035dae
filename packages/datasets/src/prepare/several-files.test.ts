// Several files as one set: no file decides for the others, and names of folders are no columns.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { csv, failure, folder, load, rowsOf, useFolder, write, type Data } from './prepare.test.fixture.js';

useFolder();

let sets = 0;
/** One Parquet file per query. */
async function parquet(...queries: string[]): Promise<{ parquet: string[] }> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const files = queries.map((_, i) => join(folder, `s${sets}-${i}.parquet`));
  sets += 1;
  for (const [i, query] of queries.entries()) await connection.run(`COPY (${query}) TO '${files[i]}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  return { parquet: files };
}

const jsonl = (...texts: string[]): { jsonl: string[] } => ({ jsonl: texts.map((text) => write(text, '.jsonl')) });
const data = (large: Data['large'], columns: object = {}): Data => ({
  large,
  test: large,
  table: { target: 'y', standardize: false, missing: 'mean', columns: columns as never },
});
const inputs = async (of: Data): Promise<number[]> => [...(await rowsOf(await load(of), 'large')).x];

describe('types of Parquet files are united', () => {
  test.each<[what: string, queries: string[], expected: number[]]>([
    ['integers and fractions', ['SELECT 1 AS a, 0.0 AS y', 'SELECT 2.5::DOUBLE AS a, 1.0 AS y'], [1, 2.5]],
    ['booleans and integers', ['SELECT true AS a, 0.0 AS y', 'SELECT 7 AS a, 1.0 AS y'], [1, 7]],
    [
      'dates and times of day',
      ["SELECT DATE '1970-01-02' AS a, 0.0 AS y", "SELECT TIMESTAMP '1970-01-02 12:00:00' AS a, 1.0 AS y"],
      [86_400, 129_600],
    ],
    ['an empty first file', ['SELECT 1 AS a, 0 AS y WHERE false', 'SELECT 2.5::DOUBLE AS a, 1.5 AS y'], [2.5]],
    [
      'a column that is null in the first file',
      ['SELECT NULL::INTEGER AS a, 1 AS b, 0.0 AS y', 'SELECT 2.5::DOUBLE AS a, 1 AS b, 1.0 AS y'],
      [2.5, 1, 2.5, 1],
    ],
    ['a column that only a later file has', ['SELECT 1 AS b, 0 AS y', 'SELECT 2 AS b, 0 AS y, 5 AS a'], [1, 5, 2, 5]],
    ['another order of columns', ['SELECT 1 AS b, 5 AS a, 0 AS y', 'SELECT 0 AS y, 6 AS a, 2 AS b'], [1, 5, 2, 6]],
  ])('%s', async (_, queries, expected) => {
    expect(await inputs(data(await parquet(...queries)))).toEqual(expected);
  });

  test('a type that only a file of nulls has does not count', async () => {
    const large = await parquet(
      'SELECT NULL::INTEGER AS a, 0 AS y',
      'SELECT true AS a, 1 AS y',
      "SELECT 'x' AS b, 1 AS y",
    );
    const { preprocessing } = await load(data(large, { a: 'category' }));
    expect(preprocessing!.columns).toMatchObject([{ categories: ['true'] }, { categories: ['x'] }]);
  });

  test('what cannot be united is refused with both files and types, unless it is ignored', async () => {
    const large = await parquet('SELECT 1 AS a, 5 AS b, 0 AS y', "SELECT 'one' AS a, 6 AS b, 1 AS y");
    expect(await failure(() => load(data(large)))).toMatchObject({
      code: 'DATA_FORMAT',
      message: expect.stringMatching(/column a is INTEGER in .*-0\.parquet, but VARCHAR in .*-1\.parquet/),
    });
    expect(await inputs(data(large, { a: 'ignore' }))).toEqual([5, 6]);
  });
});

test('JSON lines and CSV files are united as well', async () => {
  expect(await inputs(data(jsonl('{"a":1,"y":0}\n', '{"a":2.5,"y":1}\n', '{"b":4,"a":null,"y":1}\n')))).toEqual([
    1, 4, 2.5, 4, 1.75, 4,
  ]);
  const large = { csv: [csv('a,y\n1,0\n').csv, csv('y,a,b\n1,2.5,4\n').csv] };
  expect(await inputs(data(large))).toEqual([1, 4, 2.5, 4]);
  expect(await failure(() => load(data(jsonl('{"a":1,"y":0}\n', '{"a":"one","y":1}\n'))))).toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(/column a is BIGINT in .*, but VARCHAR in /),
  });
});

test('a folder that is named like a column adds and changes none', async () => {
  mkdirSync(join(folder, 'lr=0.1/a=9'), { recursive: true });
  const path = (ending: string): string => join(folder, `lr=0.1/a=9/t.${ending}`);
  const [table] = (await parquet('SELECT 2 AS a, 3 AS y')).parquet;
  const { cpSync, writeFileSync } = await import('node:fs');
  cpSync(table, path('parquet'));
  writeFileSync(path('csv'), 'a,y\n2,3\n');
  writeFileSync(path('jsonl'), '{"a":2,"y":3}\n');
  for (const large of [
    { csv: path('csv') },
    { jsonl: path('jsonl') },
    { parquet: path('parquet') },
    { sql: `select * from '${path('parquet')}'` },
    { sql: `select * from read_csv('${path('csv')}', header = true)` },
  ])
    expect(await inputs(data(large))).toEqual([2]);
  const asked = { sql: `select * from read_csv('${path('csv')}', hive_partitioning = true) where a = 9` };
  expect(await inputs(data(asked, { a: 'ignore' }))).toEqual([Math.fround(0.1)]);
});
