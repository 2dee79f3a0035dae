// From cells to inputs: one arithmetic for blocks and for rows to predict, which are refused if they cannot be
// encoded.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, encodeColumns, inputWidth, type FittedColumn, type TensorColumn } from './columns.js';
import { encodeTableRows, encodeTensorRows, refuseIndices, type RowErrorFactory, type TableRow } from './rows.js';

const number: FittedColumn = {
  name: 'a',
  type: 'number',
  transform: 'none',
  shift: 2,
  scale: 4,
  fill: 3,
  indicator: true,
  missing: 'mean',
  dtype: 'F32',
};
const city: FittedColumn = {
  name: 'city',
  type: 'category',
  encode: 'oneHot',
  categories: ['Lima', 'Oslo'],
  dtype: 'U8',
};
const hashed: FittedColumn = { name: 'who', type: 'category', encode: 'hash', buckets: 3, dtype: 'U8' };
const place: FittedColumn = { name: 'what', type: 'category', encode: 'index', categories: ['x', 'y'], dtype: 'U8' };
const columns = [number, city, hashed, place];

const errorOf: RowErrorFactory = (code, message) => new Error(`${code}: ${message}`);
const encodeRow = (of: readonly FittedColumn[], row: TableRow): number[] => [...encodeTableRows(of, [row], errorOf)];

describe('a row of a table', () => {
  test('becomes inputs, column by column; other columns are not looked at', () => {
    expect(inputWidth(columns)).toBe(2 + 2 + 3 + 1);
    const bucket = bucketOf('me', 3);
    expect(encodeRow(columns, { id: 7, a: 10, city: ' Oslo ', who: 'me', what: 'y' })).toEqual([
      2,
      0,
      0,
      1,
      ...[1, 2, 3].map((each) => (each === bucket ? 1 : 0)),
      2,
    ]);
  });

  test('missing cells: the fill and the indicator for a number, none of them for a category', () => {
    for (const missing of [null, undefined, NaN, '', 'NA', ' nan ', '?'])
      expect(encodeRow(columns, { a: missing, city: missing, who: missing, what: missing })).toEqual([
        0.25, 1, 0, 0, 0, 0, 0, 0,
      ]);
  });

  test('a category that training did not know is none of them', () => {
    expect(encodeRow([city, place], { city: 'Paris', what: 'z' })).toEqual([0, 0, 0]);
  });

  test('numbers come as numbers, text, booleans or dates', () => {
    const plain: FittedColumn = { ...number, shift: 0, scale: 1, indicator: false };
    for (const [cell, expected] of [
      [3, 3],
      [3n, 3],
      [' -1.5e1 ', -15],
      [true, 1],
      [new Date(2000), 2],
    ] as const)
      expect(encodeRow([plain], { a: cell })).toEqual([expected]);
    const year = { ...city, categories: ['1999', 'true'] };
    expect(encodeRow([year], { city: 1999 })).toEqual([1, 0]);
    expect(encodeRow([year], { city: true })).toEqual([0, 1]);
  });

  test('a logarithm keeps the sign', () => {
    const log: FittedColumn = { ...number, transform: 'log', shift: 0, scale: 1, indicator: false };
    expect(encodeRow([log], { a: -7 })).toEqual([expect.closeTo(-Math.log(8), 6)]);
  });

  test('numbers are rounded as blocks round them', () => {
    const close: FittedColumn = { ...number, shift: 0.1, scale: 1e-9, indicator: false };
    expect(encodeRow([close], { a: 0.1 })[0]).toBeCloseTo((Math.fround(0.1) - 0.1) / 1e-9, 5);
    expect(encodeRow([{ ...close, dtype: 'F64' }], { a: 0.1 })).toEqual([0]);
  });

  test.each([
    ['a column that is not there', {}, 'DATA_COLUMN: row 1 has no column "a"; it has none'],
    ['a name from the prototype', { toString: 1, b: 2 }, 'DATA_COLUMN: row 1 has no column "a"; it has toString, b'],
    ['text', { a: 'many' }, 'DATA_CELL: row 1, column a: "many" is not a number'],
    ['hexadecimal text', { a: '0x10' }, 'DATA_CELL: row 1, column a: "0x10" is not a number'],
    ['infinity', { a: Infinity }, 'DATA_CELL: row 1, column a: Infinity is too large a number'],
    ['beyond fp32', { a: '1e39' }, 'DATA_CELL: row 1, column a: "1e39" is too large a number'],
    ['no date', { a: new Date(NaN) }, 'DATA_CELL: row 1, column a: this object is not a number'],
  ] as const)('refuses %s', (_, row, message) => {
    expect(() => encodeRow([number], row)).toThrow(new Error(message));
  });

  test('refuses a missing cell if training had none, or dropped such rows', () => {
    for (const missing of ['error', 'drop'] as const) {
      const whole: FittedColumn = { ...number, missing };
      expect(() => encodeTableRows([whole], [{ a: 1 }, { a: null }], errorOf)).toThrow(
        'DATA_CELL: row 2, column a: the cell is empty',
      );
      expect(() => encodeRow([whole], { a: '?' })).toThrow('column a: "?" stands for an empty cell');
    }
  });

  test('refuses a category that is an object', () => {
    expect(() => encodeRow([city], { city: new Date(0) })).toThrow(
      'DATA_CELL: row 1, column city: a category is a text, a number or a boolean',
    );
  });
});

test('rows of a block are encoded as rows to predict', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          a: fc.option(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })),
          who: fc.integer({ min: 0, max: 3 }),
          what: fc.integer({ min: 0, max: 2 }),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      (rows) => {
        const names = Array.from({ length: 100 }, (_, i) => String(i));
        const nameOf = (bucket: number): string | null =>
          bucket === 0 ? null : names.find((name) => bucketOf(name, 3) === bucket)!;
        const of = [number, hashed, place];
        const cells = [
          Float32Array.from(rows, ({ a }) => a ?? NaN),
          Uint8Array.from(rows, ({ who }) => who),
          Uint8Array.from(rows, ({ what }) => what),
        ];
        const width = inputWidth(of);
        const out = new Float32Array(rows.length * width);
        const all = rows.map((_, i) => i);
        encodeColumns(of, cells, { from: all, to: all, out, width });
        const asked = rows.map(({ a, who, what }) => ({ a, who: nameOf(who), what: [null, 'x', 'y'][what] }));
        expect(encodeTableRows(of, asked, errorOf)).toEqual(out);
      },
    ),
  );
});

describe('rows of numbers', () => {
  const image: TensorColumn = { name: 'x', type: 'tensor', size: 4, factors: [0.5, 2], offsets: [1, -1], dtype: 'U8' };

  test('a factor for all channels, or one for each', () => {
    expect([...encodeTensorRows(image, [Uint8Array.of(2, 4, 6, 8), [0, 0, 0, 0]], errorOf)]).toEqual([
      2, 7, 4, 15, 1, -1, 1, -1,
    ]);
    const grey: TensorColumn = { ...image, factors: [2], offsets: [0] };
    expect([...encodeTensorRows(grey, [[1, 2, 3, 4]], errorOf)]).toEqual([2, 4, 6, 8]);
  });

  test('as many as the model takes, each a finite number', () => {
    expect(() => encodeTensorRows(image, [[1, 2, 3]], errorOf)).toThrow(
      'PREDICT_ROW: row 1 has 3 values; the model takes 4',
    );
    for (const wrong of [NaN, Infinity, null, '4'])
      expect(() => encodeTensorRows(image, [[1, 2, 3, 4], [1, 2, 3, wrong] as number[]], errorOf)).toThrow(
        'PREDICT_ROW: row 2 has no number as value 4',
      );
  });
});

test('what a model that embeds its inputs has no vector for is refused', () => {
  const tensor: TensorColumn = { name: 'x', type: 'tensor', size: 2, factors: [1], offsets: [0], dtype: 'I32' };
  const of = (...inputs: number[]): void =>
    refuseIndices(Float32Array.from(inputs), { columns: [tensor], indexCount: 5 }, errorOf);
  of(0, 4, 1, 2);
  expect(() => of(0, 4, 1, 5)).toThrow('PREDICT_ROW: row 2, input 2: 5 is not a whole number below 5');
  expect(() => of(-1, 4)).toThrow('row 1, input 1: -1 is not a whole number');
  expect(() => of(0, 0.5)).toThrow('row 1, input 2: 0.5 is not');
  expect(() => of(0, NaN)).toThrow('row 1, input 2: NaN is not');
  refuseIndices(Float32Array.of(0.5), { columns: [tensor] }, errorOf);
});
