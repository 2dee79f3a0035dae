import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TableReader } from './duckdb.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-table-'));
const tables = new TableReader(folder, folder);
afterAll(() => {
  tables.close();
  rmSync(folder, { recursive: true, force: true });
});

test('two readings at the same time, and a query between them, each give every row', async () => {
  const table = await tables.open('rows', `(SELECT i, 'c' || (i % 3) AS c FROM range(20000) AS rows(i))`);
  const wants = [
    { column: 'i', as: 'number' },
    { column: 'c', as: 'category', categories: ['c0', 'c1', 'c2'] },
  ] as const;
  const readings = [table.chunks(wants), table.chunks(wants)];
  const rows = [0, 0];
  for (let open = 2; open > 0;) {
    open = 0;
    for (const [i, reading] of readings.entries()) {
      const { done, value } = await reading.next();
      if (done) continue;
      open += 1;
      rows[i] += value.rowCount;
      expect(await table.cell('c', 4)).toBe('c1');
    }
  }
  expect(rows).toEqual([20_000, 20_000]);
});
