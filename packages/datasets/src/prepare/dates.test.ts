// Dates and times are the same numbers in every format, and in rows to predict.
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { encodeTableRows } from '@stillhouse/core';
import { csv, failure, folder, load, rowsOf, table, useFolder, write, type Data } from './prepare.test.fixture.js';

useFolder();

const errorOf = (_: string, message: string): Error => new Error(message);
const config = { target: 'y', standardize: false, missing: 'mean' as const };
const set = (large: Data['large'], test: Data['large'] = large): Data => ({ large, test, table: config });

async function parquet(name: string, query: string): Promise<{ parquet: string }> {
  const file = join(folder, `${name}.parquet`);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  return { parquet: file };
}

const jsonl = (...cells: string[]): { jsonl: string } => ({
  jsonl: write(cells.map((cell, i) => `{"a":${cell},"y":${i}}\n`).join(''), '.jsonl'),
});

describe.each<[what: string, texts: string[], sqlType: string, values: number[]]>([
  ['dates', ['1969-12-31', '1970-01-02'], 'DATE', [-86_400, 86_400]],
  ['timestamps', ['1970-01-01 00:00:00.5', '1970-01-01T01:00:00'], 'TIMESTAMP', [0.5, 3600]],
  ['timestamps with a zone', ['1970-01-01T02:00:00+02:00', '1970-01-01 00:00:01Z'], 'TIMESTAMPTZ', [0, 1]],
  ['times of day', ['00:00:01.5', '12:30:00'], 'TIME', [1.5, 45_000]],
])('%s', (what, texts, sqlType, values) => {
  test('in CSV, JSON lines, Parquet, SQL and rows to predict', async () => {
    const rows = texts.map((text, i) => `SELECT ${sqlType} '${text}' AS a, ${i} AS y`).join(' UNION ALL ');
    const forms = [
      csv(`a,y\n${texts.map((text, i) => `${text},${i}`).join('\n')}\n`),
      jsonl(...texts.map((text) => JSON.stringify(text))),
      await parquet(what.replaceAll(' ', '-'), rows),
      { sql: rows },
    ];
    for (const large of forms)
      for (const test of forms) {
        const dataset = await load(set(large, test));
        expect([...(await rowsOf(dataset, 'large')).x]).toEqual(values);
        expect([...(await rowsOf(dataset, 'test')).x]).toEqual(values);
        const cells = texts.map((a) => ({ a }));
        expect([...encodeTableRows(dataset.manifest.columns, cells, errorOf)]).toEqual(values);
      }
  });
});

test('cells of another kind are refused among them, in files and in rows to predict', async () => {
  const days = Array.from({ length: 20 }, (_, i) => `2020-01-${i + 10},${i}`).join('\n');
  for (const [cell, code] of [
    ['5', 'DATA_CELL'],
    ['true', 'DATA_CELL'],
    ['2020-02-30', 'DATA_CELL'],
    ['12:30:00', 'DATA_CELL'],
  ])
    expect(await failure(() => load(table(`a,y\n${days}\n${cell},1\n`)))).toMatchObject({
      code,
      message: expect.stringContaining(`"${cell}" is not a date such as 2020-12-31, or`),
    });
  expect(await failure(() => load(table('a,y\n5,1\n2020-01-01,2\n6,3\n')))).toMatchObject({ code: 'DATA_CELL' });
  const { manifest } = await load(set(csv(`a,y\n${days}\n`)));
  for (const a of ['5', 'true', '12:30'])
    expect(() => encodeTableRows(manifest.columns, [{ a }], errorOf)).toThrow('is not a date such as 2020-12-31');
  expect([...encodeTableRows(manifest.columns, [{ a: new Date(1500) }, { a: 'NA' }], errorOf)][0]).toBe(1.5);
});

test('a date that is the same in every row is named as a date', async () => {
  const text = 'a,t,b,y\n2010-06-14,08:30,1,1\n2010-06-14,08:30,2,2\n';
  expect((await load(table(text))).warnings).toEqual([
    'column a is 2010-06-14 in every training row, so it tells a model nothing',
    'column t is 08:30 in every training row, so it tells a model nothing',
  ]);
});

test('dates can be categories and targets, and an empty cell among them is one', async () => {
  const text = 'a,y\n2020-01-01,1970-01-01\nNA,1970-01-02\n2020-01-03,1970-01-03\n';
  const declared = await load(table(text, { ...config, columns: { a: 'category' } }));
  expect(declared.preprocessing!.columns).toMatchObject([{ categories: ['2020-01-01', '2020-01-03'] }]);
  const dataset = await load(table(text, config));
  expect([...(await rowsOf(dataset, 'large')).y]).toEqual([0, 86_400, 172_800]);
  expect(dataset.preprocessing!.columns).toMatchObject([{ type: 'number', fill: 1_577_923_200 }]);
});

test('strings of JSON are not guessed to be dates or identifiers', async () => {
  for (const cells of [
    ['1-2-3', '4-5-6'],
    ['01-02-2020x', '02-03-2020x'],
    ['123E4567-e89b-12d3-a456-426614174000', '123e4567-E89b-12d3-a456-426614174001'],
  ])
    expect((await load(set(jsonl(...cells.map((cell) => JSON.stringify(cell)))))).preprocessing!.columns).toMatchObject(
      [{ categories: cells }],
    );
});
