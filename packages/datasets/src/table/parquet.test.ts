// Decimals of more digits than DuckDB can read; it writes none, so their schema is given.
import { expect, test } from 'vitest';
import { parquetFiles } from './parquet.js';

test('a decimal of more than 38 digits is refused, not read as another number', async () => {
  const columns = ['a', 'b'].map((name) => ({ name, sqlType: 'DOUBLE' }));
  const refined = await parquetFiles('t').refine!('t.parquet', columns, async () => [['a', 50]]);
  expect(refined).toEqual([
    expect.objectContaining({
      name: 'a',
      conflict: 'column a is a decimal of 50 digits in t.parquet, of which at most 38 can be read',
    }),
    columns[1],
  ]);
});
