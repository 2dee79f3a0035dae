// From cells to inputs: one arithmetic for blocks, for rows to predict and for a browser.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bucketOf,
  columnWidth,
  encodeColumns,
  encodeRow,
  inputWidth,
  storedCell,
  type FittedColumn,
} from './columns.js';

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

describe('a row', () => {
  test('becomes inputs, column by column', () => {
    expect(inputWidth(columns)).toBe(2 + 2 + 3 + 1);
    const bucket = bucketOf('me', 3);
    expect([...encodeRow(columns, { a: 10, city: ' Oslo ', who: 'me', what: 'y' })]).toEqual([
      2,
      0,
      0,
      1,
      ...[1, 2, 3].map((each) => (each === bucket ? 1 : 0)),
      2,
    ]);
  });

  test('missing cells: the fill and the indicator for a number, none of them for a category', () => {
    for (const missing of [null, undefined, '', 'NA', '?'])
      expect([...encodeRow(columns, { a: missing, city: missing, who: missing, what: missing })]).toEqual([
        0.25, 1, 0, 0, 0, 0, 0, 0,
      ]);
    expect([...encodeRow(columns, { a: 2, city: 'Paris', who: 'x', what: 'z' })].slice(2, 4)).toEqual([0, 0]);
  });

  test('a logarithm keeps the sign', () => {
    const log: FittedColumn = { ...number, transform: 'log', shift: 0, scale: 1, indicator: false };
    expect([...encodeRow([log], { a: -7 })]).toEqual([expect.closeTo(-Math.log(8), 6)]);
  });

  test('numbers are rounded as blocks round them', () => {
    expect(storedCell(number, 0.1)).toBe(Math.fround(0.1));
    expect(storedCell({ ...number, dtype: 'F64' }, 0.1)).toBe(0.1);
  });
});

test('rows of a block are encoded as each by itself', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          a: fc.option(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })),
          city: fc.constantFrom('Oslo', 'Lima', 'Rome', null),
          who: fc.string(),
          what: fc.constantFrom('x', 'y', 'z'),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      (rows) => {
        const cells = columns.map((column) =>
          Float64Array.from(rows, (row) => storedCell(column, row[column.name as keyof typeof row])),
        );
        const width = inputWidth(columns);
        const out = new Float32Array(rows.length * width);
        const all = rows.map((_, i) => i);
        encodeColumns(columns, cells, { from: all, to: all, out, width });
        rows.forEach((row, i) => expect(out.subarray(i * width, (i + 1) * width)).toEqual(encodeRow(columns, row)));
      },
    ),
  );
});

test('images: a factor for all channels, or one for each', () => {
  const image: FittedColumn = { name: 'x', type: 'tensor', size: 4, factors: [0.5, 2], offsets: [1, -1], dtype: 'U8' };
  const out = new Float32Array(4);
  encodeColumns([image], [Uint8Array.of(9, 9, 9, 9, 2, 4, 6, 8)], {
    from: [1],
    to: [0],
    out,
    width: columnWidth(image),
  });
  expect([...out]).toEqual([2, 7, 4, 15]);
});
