// Cells that files write in several ways: numbers in another notation, booleans, 3 and 3.0, headers without a name.
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { encodeTableRows } from '@stillhouse/core';
import { csv, failure, folder, load, rowsOf, table, useFolder, write, type Data } from './prepare.test.fixture.js';

useFolder();

const errorOf = (_: string, message: string): Error => new Error(message);

describe('numbers in another notation', () => {
  const german = 'f;p;y\n44,19;1.847,43;1869.525\n157,48;1.255,07;926.125\n';

  test('are read as the recipe says, column by column, and so are rows to predict', async () => {
    const dataset = await load(table(german, { delimiter: ';', decimal: ',', standardize: false }));
    const { x, y } = await rowsOf(dataset, 'large');
    expect([...x]).toEqual([44.19, 1847.43, 157.48, 1255.07].map(Math.fround));
    expect([...y]).toEqual([1869.525, 926.125].map(Math.fround));
    expect([...encodeTableRows(dataset.manifest.columns, [{ f: '1.000,5', p: 2.5 }], errorOf)]).toEqual([1000.5, 2.5]);
  });

  test('with units', async () => {
    const text = 'a,b,y\n$72.90,7.6%,"$1,000"\n-$3.00,8%,$5\n';
    const dataset = await load(table(text, { decimal: '.', units: ['$', '%'], standardize: false }));
    const { x, y } = await rowsOf(dataset, 'large');
    expect([...x, ...y]).toEqual([72.9, 7.6, -3, 8, 1000, 5].map(Math.fround));
  });

  test('a column can have its own', async () => {
    const columns = { a: { number: 'none', decimal: ',' } };
    const dataset = await load(table('a,b,y\n"1,5",2.5,1\n"2,5",3.5,2\n', { columns, standardize: false }));
    expect([...(await rowsOf(dataset, 'large')).x]).toEqual([1.5, 2.5, 2.5, 3.5]);
  });

  test.each([
    ['44,19', 'Declare data.table.decimal: ","'],
    ['$72.90', 'Declare data.table.units: ["$"]'],
    ['7.6%', 'Declare data.table.units: ["%"]'],
    ['1.234,50 €', 'Declare data.table.decimal: ",", and data.table.units: ["€"]'],
    ['1,234', 'Declare data.table.decimal: "," if 1,234 is 1.234, or data.table.decimal: "." if 1,234 is 1234'],
  ])('%s is refused with a suggestion, as an input and as a target', async (cell, next) => {
    const refused = { code: 'DATA_CELL', next: expect.stringContaining(next) };
    expect(await failure(() => load(table(`a;y\n${cell};1\n`, { delimiter: ';' })))).toMatchObject(refused);
    expect(await failure(() => load(table(`a;y\n1;${cell}\n`, { delimiter: ';' })))).toMatchObject(refused);
    const declared = await load(table(`a;y\n${cell};1\n`, { delimiter: ';', columns: { a: 'category' } }));
    expect(declared.preprocessing!.columns).toMatchObject([{ categories: [cell] }]);
  });

  test.each([
    ['(5.50)', 'Write numbers as -1234.5'],
    ['$(5.50)', 'Write numbers as -1234.5'],
    ['1_000', 'Write numbers as -1234.5'],
    ['12,34,567', 'Write numbers as -1234.5'],
    ['5.50-', 'Write numbers as -1234.5'],
    ['31.12.2020', 'Write dates as 2020-12-31'],
    ['12/31/2020 10:00', 'Write dates as 2020-12-31'],
    ['1/2/20', 'Write dates as 2020-12-31'],
    ['2020/12/31', 'Write dates as 2020-12-31'],
    ['2020-1-2', 'Write dates as 2020-12-31'],
    ['5-Jan-2020', 'Write dates as 2020-12-31'],
    ['Sun, 05 Jan 2020 10:00:00 GMT', 'Write dates as 2020-12-31'],
    ['January 5, 2020', 'Write dates as 2020-12-31'],
  ])('%s, which no recipe can declare, is refused with a suggestion', async (cell, next) => {
    const refused = { code: 'DATA_CELL', next: expect.stringContaining(next) };
    expect(await failure(() => load(table(`a;y\n${cell};1\n`, { delimiter: ';' })))).toMatchObject(refused);
    const declared = await load(table(`a;y\n${cell};1\n`, { delimiter: ';', columns: { a: 'category' } }));
    expect(declared.preprocessing!.columns).toMatchObject([{ categories: [cell] }]);
  });

  test('words and codes are categories, as before', async () => {
    const dataset = await load(table('a,b,c,y\nx1,12-13,1.2.3,1\nx2,12-14,1.2.4,2\n'));
    expect(dataset.preprocessing!.columns.map(({ type }) => type)).toEqual(['category', 'category', 'category']);
  });
});

describe('one category', () => {
  const rows = { csv: 'store,y\n1,1\n3.0,2\n3,3\n', jsonl: '{"store":1.0,"y":1}\n{"store":3.0,"y":2}\n' };

  test('3 and 3.0 in CSV, JSON lines, SQL and rows to predict', async () => {
    const config = { target: 'y', columns: { store: 'category' as const } };
    for (const large of [
      csv(rows.csv),
      { jsonl: write(rows.jsonl, '.jsonl') },
      { sql: 'select 1.0::DECIMAL(4, 2) as store, 1 as y union all select 3, 2' },
      { sql: 'select 1 as store, 1 as y union all select 3, 2' },
    ]) {
      const dataset = await load({ large, test: csv('store,y\n3.0,1\n1,1\n'), table: config });
      expect(dataset.preprocessing!.columns).toMatchObject([{ categories: ['1', '3'] }]);
      expect([...(await rowsOf(dataset, 'test')).x]).toEqual([0, 1, 1, 0]);
      const predicted = [{ store: '3.0' }, { store: 3 }, { store: '3' }];
      expect([...encodeTableRows(dataset.manifest.columns, predicted, errorOf)]).toEqual([0, 1, 0, 1, 0, 1]);
    }
  });
});

describe('booleans', () => {
  const words = 'f,y\nTrue,1\nFalse,0\ntrue,1\n';
  const digits = 'f,y\n1,1\n0,0\n1,1\n';
  const stored = { sql: 'select * from (values (true, 1), (false, 0), (true, 1)) t(f, y)' };

  test('are numbers if the large set has them so', async () => {
    for (const test of [csv(words), csv(digits), stored]) {
      const dataset = await load({ large: stored, test, table: { target: 'y', standardize: false } });
      expect([...(await rowsOf(dataset, 'test')).x]).toEqual([1, 0, 1]);
      expect([...encodeTableRows(dataset.manifest.columns, [{ f: 'True' }, { f: '0' }], errorOf)]).toEqual([1, 0]);
    }
  });

  test('are numbers also as yes and no, if a file stores them as booleans', async () => {
    const cells = ['Yes', 'no', 'Y', 'f', 'T', 'OFF', 'on', 'N'];
    const test = csv(['f,y', ...cells.map((cell) => `${cell},1`)].join('\n'));
    const dataset = await load({ large: stored, test, table: { target: 'y', standardize: false } });
    const expected = [1, 0, 1, 0, 1, 0, 1, 0];
    expect([...(await rowsOf(dataset, 'test')).x]).toEqual(expected);
    const { columns } = dataset.manifest;
    expect([
      ...encodeTableRows(
        columns,
        cells.map((f) => ({ f })),
        errorOf,
      ),
    ]).toEqual(expected);
    expect(() => encodeTableRows(columns, [{ f: 'maybe' }], errorOf)).toThrow('"maybe" is not a number');
    expect(
      await failure(() => load({ large: stored, test: csv('f,y\nmaybe,1\n'), table: { target: 'y' } })),
    ).toMatchObject({ code: 'DATA_CELL' });
    // A column of numbers has no such cells.
    expect(await failure(() => load({ ...table('f,y\n7,1\n8,2\n'), test }))).toMatchObject({ code: 'DATA_CELL' });
  });

  test('are categories if the large set has them so', async () => {
    for (const test of [csv(words), csv(digits), stored]) {
      const dataset = await load({ large: csv(words), test, table: { target: 'y' } });
      expect(dataset.preprocessing!.columns).toMatchObject([{ categories: ['False', 'True'] }]);
      expect([...(await rowsOf(dataset, 'test')).x]).toEqual([0, 1, 1, 0, 0, 1]);
    }
  });

  test('are labels, of classes and of numbers', async () => {
    const reversed = { target: 'f' };
    for (const large of [csv(words), stored])
      for (const test of [csv(words), csv(digits), stored])
        for (const loss of ['binaryCrossEntropy', 'softmaxCrossEntropy', 'mse'] as const) {
          const dataset = await load({ large, test, table: { ...reversed, standardize: false } }, { loss });
          expect([...(await rowsOf(dataset, 'test')).y]).toEqual([1, 0, 1]);
        }
  });

  test('are not mixed with numbers', async () => {
    for (const text of ['a,y\n5,1\ntrue,2\n', 'a,y\ntrue,1\n5,2\n'])
      expect(await failure(() => load(table(text, { columns: { a: 'number' } })))).toMatchObject({ code: 'DATA_CELL' });
  });
});

test('a label that stands for an empty cell is called that', async () => {
  for (const [text, loss] of [
    ['a,y\n1,no\n2,NA\n3,yes\n', 'softmaxCrossEntropy'],
    ['a,y\n1,1\n2,NA\n3,2\n', 'mse'],
  ] as const)
    expect(await failure(() => load(table(text), { loss }))).toMatchObject({
      code: 'DATA_CELL',
      message: expect.stringMatching(/row 2, column y: "NA" stands for an empty cell$/),
      next: expect.stringContaining('give it another name'),
    });
});

test('digits with underscores are no number, as in rows to predict', async () => {
  expect(await failure(() => load(table('a,y\n1_000,1\n2,2\n')))).toMatchObject({
    code: 'DATA_CELL',
    message: expect.stringMatching(/row 1, column a: "1_000" is not a number/),
  });
});

test('a minus sign of typography is a minus', async () => {
  const dataset = await load(table('a,y\n\u22125,1\n3,2\n', { standardize: false }));
  expect([...(await rowsOf(dataset, 'large')).x]).toEqual([-5, 3]);
  expect([...encodeTableRows(dataset.manifest.columns, [{ a: '\u22121.5' }], errorOf)]).toEqual([-1.5]);
});

test('whole numbers that fractions would make one category are refused', async () => {
  const columns = { a: 'category' as const };
  const ids = '{"a":9007199254740993,"y":1}\n{"a":9007199254740992,"y":2}\n';
  const set = (text: string): Data => {
    const large = { jsonl: write(text, '.jsonl') };
    return { large, test: large, table: { target: 'y', columns } };
  };
  expect((await load(set(ids))).preprocessing!.columns).toMatchObject([
    { categories: ['9007199254740992', '9007199254740993'] },
  ]);
  expect(await failure(() => load(set(`${ids}{"a":1.5,"y":3}\n`)))).toMatchObject({
    code: 'DATA_CELL',
    message: expect.stringMatching(/row 1, column a: "9007199254740992.0" cannot be a category/),
  });
});

test.each(['__proto__', 'constructor', 'toString'])('a column may be called %s', async (name) => {
  const dataset = await load(table(`${name},y\n1,1\n3,2\n`, { standardize: false }));
  expect([...(await rowsOf(dataset, 'large')).x]).toEqual([1, 3]);
});

describe('what is probably not meant as it is read is said, unless the column is declared', () => {
  const rows = (cell: (i: number) => string): string =>
    `a,b,y\n${Array.from({ length: 200 }, (_, i) => `${cell(i)},${i / 2},${i % 7}\n`).join('')}`;
  test.each<[what: string, cell: (i: number) => string, warning: RegExp]>([
    ['codes with leading zeros', (i) => `0${2100 + i}`, /column a is read as numbers, although .* such as 02100;/],
    ['identifiers beyond 2^53', (i) => `900719925474${i + 1100}`, /column a has whole numbers beyond 9007199254740991/],
    ['a category per row', (i) => `person ${i}`, /column a has 200 categories in 200 training rows/],
    ['no cell at all', () => '', /column a has no cell in the training rows/],
  ])('%s', async (_, cell, warning) => {
    const plain = await load(table(rows(cell), { missing: 'mean' }));
    expect(plain.warnings.filter((each) => warning.test(each))).toHaveLength(1);
    for (const style of [{ decimal: '.' }, { decimal: ',' }, { units: ['$', '%'] }]) {
      const styled = await load(table(rows(cell), { missing: 'mean', ...style }));
      expect(styled.warnings.filter((each) => warning.test(each))).toHaveLength(1);
    }
    for (const a of ['ignore', 'category'] as const) {
      const declared = await load(table(rows(cell), { missing: 'mean', columns: { a } }));
      expect(declared.warnings.filter((each) => warning.test(each))).toEqual([]);
    }
  });

  test('nothing is said about plain numbers and few categories', async () => {
    expect((await load(table(rows((i) => `${i}.5`)))).warnings).toEqual([]);
    expect((await load(table(rows((i) => `shop ${i % 90}`)))).warnings).toEqual([]);
  });
});

describe('JSON lines', () => {
  const set = (text: string): Data => {
    const large = { jsonl: write(text, '.jsonl') };
    return { large, test: large, table: { target: 'y', standardize: false, missing: 'mean' } };
  };

  test('of several types are read as their texts, unless they are objects or lists', async () => {
    const numbers = '{"a":1,"y":1}\n{"a":"2.5","y":2}\n{"a":null,"y":3}\n';
    expect([...(await rowsOf(await load(set(numbers)), 'large')).x]).toEqual([1, 2.5, 1.75]);
    expect(await failure(() => load(set('{"a":1,"y":1}\n{"a":"two","y":2}\n')))).toMatchObject({ code: 'DATA_CELL' });
    expect(await failure(() => load(set('{"a":1,"y":1}\n{"a":[2],"y":2}\n')))).toMatchObject({ code: 'DATA_COLUMN' });
  });

  test.each(['{"a":1,"A":2,"y":1}\n', '{"a":1,"y":1}\n{"A":2,"y":2}\n', '{"":1,"y":1}\n'])(
    'with keys that are no names of columns are refused: %j',
    async (text) => {
      expect(await failure(() => load(set(text)))).toMatchObject({
        code: 'DATA_COLUMN',
        message: expect.stringContaining('has a key without a name, or two keys that differ only in'),
      });
    },
  );

  test('may have keys that look like renamed ones', async () => {
    const dataset = await load(set('{"a":1,"A_1":2,"C0":3,"y":1}\n'));
    expect([...(await rowsOf(dataset, 'large')).x]).toEqual([1, 2, 3]);
  });
});

describe('columns without a name', () => {
  test('are an index of pandas in Parquet as well', async () => {
    const file = join(folder, 'index.parquet');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(`COPY (SELECT 5 AS a, 1 AS y, 7 AS __index_level_0__) TO '${file}' (FORMAT parquet)`);
    connection.closeSync();
    instance.closeSync();
    const large = { parquet: file };
    const dataset = await load({ large, test: large, table: { target: 'y', standardize: false } });
    expect([...(await rowsOf(dataset, 'large')).x]).toEqual([5]);
    expect(dataset.warnings.join('\n')).toContain('columns without a name are not used: __index_level_0__');
  });

  test('are not used, which is said, unless they are declared', async () => {
    const index = ',a,y\n0,5,1\n1,6,2\n';
    const dataset = await load(table(index, { standardize: false }));
    expect([...(await rowsOf(dataset, 'large')).x]).toEqual([5, 6]);
    expect(dataset.warnings[0]).toMatch(/columns without a name are not used: column 1; declare them/);
    const declared = await load(table(index, { standardize: false, columns: { 'column 1': 'number' } }));
    expect([...(await rowsOf(declared, 'large')).x]).toEqual([0, 5, 1, 6]);
    const trailing = await load(table('a,y,\n5,1,\n6,2,\n', { standardize: false }));
    expect([...(await rowsOf(trailing, 'large')).x]).toEqual([5, 6]);
  });
});

describe('wide tables', () => {
  const names = Array.from({ length: 300 }, (_, i) => `k${i}`);
  const row = (cell: (i: number) => string): string => names.map((_, i) => cell(i)).join(',');

  test('of numbers and of text, as CSV', async () => {
    const text = `${names.join(',')},y\n${row((i) => `${i}.5`)},1\n${row((i) => (i === 7 ? 'NA' : '1'))},2\n`;
    const dataset = await load(table(text, { standardize: false, missing: 'mean' }));
    expect([...(await rowsOf(dataset, 'large')).x]).toEqual([
      ...names.map((_, i) => i + 0.5),
      ...names.map((_, i) => (i === 7 ? 7.5 : 1)),
    ]);
    const words = `${names.join(',')},y\n${row((i) => `a rather long word ${i}`)},1\n${row(() => 'b')},2\n`;
    expect((await load(table(words))).manifest.inputShape).toEqual([600]);
  });

  test('keys of JSON lines are columns, however many and however rare', async () => {
    const first = JSON.stringify(Object.fromEntries(names.map((name, i) => [name, i])));
    const lines = `${first.slice(0, -1)},"y":1}\n${'{"k0":1,"y":2}\n'.repeat(20)}`;
    const large = { jsonl: write(lines, '.jsonl') };
    const dataset = await load({ large, test: large, table: { target: 'y', missing: 'mean' } });
    expect(dataset.manifest.inputShape).toEqual([300]);
  });
});
