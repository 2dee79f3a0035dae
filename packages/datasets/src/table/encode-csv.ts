// Rows to predict: CSV text with a header, read and encoded as training's tables were.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeColumns, inputWidth, StillhouseError, type FittedColumn } from '@stillhouse/core';
import { csvTable } from './csv.js';
import { TableReader } from './duckdb.js';
import { storedTable } from './table-rows.js';

/**
 * @param text CSV with a header; columns are found by their names, others are not looked at
 * @throws StillhouseError DATA_… naming row and column
 */
export async function encodeCsv(
  text: string,
  columns: readonly FittedColumn[],
): Promise<{ rowCount: number; inputs: Float32Array }> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-rows-'));
  const reader = new TableReader(folder, folder);
  try {
    const file = join(folder, 'rows.csv');
    writeFileSync(file, text);
    const table = await csvTable([file], { what: 'standard input', delimiter: ',' }, reader);
    if (table.rowCount === 0) throw new StillhouseError('DATA_EMPTY', 'standard input holds no rows');
    const width = inputWidth(columns);
    const inputs = new Float32Array(table.rowCount * width);
    // A row to predict is never dropped.
    const strict = columns.map((column) =>
      column.type === 'number' && column.missing === 'drop' ? { ...column, missing: 'error' as const } : column,
    );
    for await (const { first, rowCount, cells, problems } of storedTable(
      table,
      { columns: strict, targets: [], classes: undefined },
      { withLabels: false, mayLack: false, key: undefined },
    )) {
      for (const problem of problems.values()) throw await problem();
      const rows = Array.from({ length: rowCount }, (_, i) => i);
      const out = inputs.subarray(first * width, (first + rowCount) * width);
      // What a block would hold of a number, so that the model sees what it was trained on.
      const stored = columns.map((column, i) =>
        column.type === 'number' && column.dtype === 'F32' ? Float32Array.from(cells[i]) : cells[i],
      );
      encodeColumns(columns, stored, { from: rows, to: rows, out, width });
    }
    return { rowCount: table.rowCount, inputs };
  } finally {
    reader.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
