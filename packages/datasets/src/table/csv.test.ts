// Any text, as a CSV file: what is fitted on it and what blocks would store of it, without a preparation around it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRecipe } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { selectRows } from '../row/selection.js';
import { csvTable } from './csv.js';
import { TableReader } from './duckdb.js';
import { fitTable } from './preprocessing.js';
import { storedTable } from './table-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-csv-'));
let tables = new TableReader(folder, folder);
afterAll(() => {
  tables.close();
  rmSync(folder, { recursive: true, force: true });
});

const { data } = parseRecipe({
  data: { large: { csv: 'rows.csv' }, split: { test: 0.5 }, table: { target: 'y' } },
  loss: 'mse',
  teacher: { model: { layers: [{ dense: 1 }] } },
});
let files = 0;

/** @throws StillhouseError DATA_… */
async function readAll(text: string): Promise<void> {
  const file = join(folder, `rows${files++}.csv`);
  writeFileSync(file, text);
  const table = await csvTable([file], { what: file, delimiter: ',' }, tables);
  const selection = await selectRows(
    { what: file, rowCount: table.rowCount, seed: 1, heldOutSeed: 1, validation: 0, test: 0, isKeyed: false },
    async function* () {},
  );
  const fitted = await fitTable(table, selection, data.table!, {
    loss: lossOf('mse'),
    key: undefined,
    weight: undefined,
    sqlTypes: () => ['VARCHAR'],
    onDoubt: () => {},
  });
  const options = { loss: lossOf('mse'), withLabels: true, mayLack: false, key: undefined };
  for await (const { problems } of storedTable(table, fitted, options))
    for (const problem of problems.values()) throw await problem();
}

test('any text gives a table or an error with a code', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom('a', 'y', ',', '\n', '"', '1', '.', ' ', '\r', 'é'), maxLength: 60 }),
      fc.boolean(),
      async (text, hasHeader) => {
        try {
          await readAll(hasHeader ? `a,y\n${text}` : text);
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          expect(code).toMatch(/^DATA_/);
          // A database that has failed inside would only repeat that.
          if (!message.includes('DuckDB failed on it')) return;
          tables.close();
          tables = new TableReader(folder, folder);
        }
      },
    ),
    { numRuns: 200 },
  );
});
