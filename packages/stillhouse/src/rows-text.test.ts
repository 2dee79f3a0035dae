// Rows of text become inputs, or one clear sentence.
import { expect, test } from 'vitest';
import type { FittedColumn, ModelMetadata } from '@stillhouse/core';
import { encodeRows, type PredictRows } from './predict.js';
import { readCsv } from './rows-text.js';

const metadataOf = (columns: readonly FittedColumn[]): ModelMetadata => ({
  loss: 'mse',
  inputShape: [2],
  columns,
  outputs: 1,
  targets: [],
  classes: null,
});
const number = {
  type: 'number',
  transform: 'none',
  shift: 0,
  scale: 1,
  fill: 9,
  indicator: false,
  missing: 'mean',
  dtype: 'F32',
} as const;
const table = metadataOf([
  { ...number, name: 'a' },
  { name: 'city', type: 'category', encode: 'index', categories: ['Oslo, Norway', 'Lima'], dtype: 'U8' },
]);
const list = metadataOf([{ name: 'x', type: 'tensor', size: 2, factors: [1], offsets: [0], dtype: 'F32' }]);
const encoded = (rows: PredictRows, metadata: ModelMetadata): ReturnType<typeof encodeRows> =>
  encodeRows(rows, metadata, { source: 'standard input', delimiter: ',' });
const inputsOf = (text: string, metadata: ModelMetadata): number[] => [...encoded(text, metadata).inputs];

test('CSV: columns by name, quoted cells, a mark of the encoding, empty lines and cells', () => {
  const text = '\ufeffid, city ,a\r\n1,"Oslo, Norway",3\r\n\r\n2,Lima,\r\n';
  expect(encoded(text, table).count).toBe(2);
  expect(inputsOf(text, table)).toEqual([3, 1, 9, 2]);
  expect(inputsOf('a\n1\n\n2\n', metadataOf([{ ...number, name: 'a' }]))).toEqual([1, 9, 2]);
});

test('columns without a name have the names that training gives them', () => {
  const { names } = readCsv(',a,\n0,1,\n', { source: 'x.csv', delimiter: ',' });
  expect(names).toEqual(['column 1', 'a', 'column 3']);
});

test('numbers: a line of CSV or a JSON array each', () => {
  expect(inputsOf('1,2\n\n[[3],[4]]\n', list)).toEqual([1, 2, 3, 4]);
});

test('a header without rows is a table without rows, if it has the columns', () => {
  expect(encoded('a,city\n', table)).toMatchObject({ count: 0 });
  expect(() => encoded('a\n', table)).toThrow('standard input has no column "city"; it has a');
});

test('a table with another delimiter, and a column that is nearly right, are named', () => {
  expect(() => encoded('a;city\n1;Oslo\n', table)).toThrow(
    expect.objectContaining({ code: 'DATA_COLUMN', next: expect.stringContaining('";": give it as --delimiter') }),
  );
  expect(() => encoded('a,City\n1,Oslo\n', table)).toThrow(
    expect.objectContaining({ next: expect.stringContaining('The nearest is City') }),
  );
});

test.each([
  ['DATA_EMPTY', 'standard input has no rows', table, ' \n'],
  ['DATA_EMPTY', 'standard input has no rows', list, '\n'],
  ['DATA_COLUMN', 'standard input has no column "city"; it has a', table, 'a\n1\n'],
  ['DATA_COLUMN', 'standard input has two columns named "a"', table, 'a,city,a\n1,Oslo,2\n'],
  ['DATA_CELL', 'standard input, row 2, column a: "x" is not a number', table, 'a,city\n1,Lima\nx,Lima\n'],
  ['DATA_FORMAT', 'standard input, row 1 has 3 cells; the header has 2', table, 'a,city\n1,Oslo, Norway\n'],
  ['DATA_FORMAT', expect.stringMatching(/^standard input: Quote Not Closed/), table, 'a,city\n1,"Oslo\n'],
  ['PREDICT_ROW', 'standard input, row 1 has 3 values; the model takes 2', list, '1,2,3\n'],
  ['PREDICT_ROW', 'standard input, row 2 has no number as value 2', list, '1,2\n1,\n'],
  ['PREDICT_ROW', 'standard input, row 1 is not a JSON array', list, '[1,\n'],
])('%s: %s', (code, message, metadata, text) => {
  expect(() => encoded(text, metadata)).toThrow(expect.objectContaining({ code, message }));
});

test('what to do about a cell does not speak of the recipe, which a trained model no longer reads', () => {
  expect(() => encoded('a,city\nx,Lima\n', table)).toThrow(
    expect.objectContaining({ code: 'DATA_CELL', next: expect.not.stringContaining('data.table') }),
  );
});

test('rows as objects, as arrays in the order of the columns, and as nested numbers are what the same text is', () => {
  const text = inputsOf('city,a\n"Oslo, Norway",3\nLima,\n', table);
  expect([
    ...encoded(
      [
        { city: 'Oslo, Norway', a: 3 },
        { city: 'Lima', a: null, more: 1 },
      ],
      table,
    ).inputs,
  ]).toEqual(text);
  expect([
    ...encoded(
      [
        [3, 'Oslo, Norway'],
        [undefined, 'Lima'],
      ],
      table,
    ).inputs,
  ]).toEqual(text);
  expect([
    ...encoded(
      [
        [1, 2],
        [[3], [4]],
      ],
      list,
    ).inputs,
  ]).toEqual([1, 2, 3, 4]);
  expect(() => encoded([[1]], table)).toThrow('standard input, row 1 has 1 cells; the model takes a, city');
  expect(() => encoded([{ a: 1 }], list)).toThrow('standard input, row 1 is not an array of numbers');
  expect(() => encoded([], list)).toThrow(expect.objectContaining({ code: 'DATA_EMPTY' }));
});

test('CSV: quotes within a cell, and spaces around one in quotes, are what they are in training', () => {
  const text = 'a,city\n1,5" pipe\n2, "Oslo, Norway" \n" 3 ",Lima"\n';
  expect(readCsv(text, { source: 'text', delimiter: ',' }).rows).toEqual([
    ['1', '5" pipe'],
    ['2', 'Oslo, Norway'],
    [' 3 ', 'Lima"'],
  ]);
  expect(readCsv('a\tb\n\t5\n', { source: 'text', delimiter: '\t' }).rows).toEqual([['', '5']]);
});

test('a picture or UTF-16 is said to be no text, rather than a table without its columns', () => {
  for (const rows of ['\u0089PNG\r\n\u001a\n\0\0\0\rIHDR', 'a\0,\0k\0'])
    expect(() => encoded(rows, table)).toThrow(
      expect.objectContaining({ code: 'PREDICT_ROW', message: 'standard input is not text in UTF-8' }),
    );
});
