// Rows as blocks hold them: a cell of each fitted column, and the label. What is wrong with a row is said only if the row is used.
import { bucketOf, StillhouseError, type Numbers } from '@stillhouse/core';
import type { Preprocessing } from './preprocessing.js';
import type { Table, Want } from './table.js';

export interface StoredRows {
  /** Number of the first row in its source. */
  readonly first: number;
  readonly rowCount: number;
  /** One array for each column. */
  readonly cells: readonly Numbers[];
  /** One array for each number of a label. */
  readonly labels: readonly Numbers[];
  readonly keys: readonly (string | null)[] | undefined;
  /** Rows that are left out, since a cell is missing. */
  readonly dropped: ReadonlySet<number>;
  /** Why a row cannot be used. */
  readonly problems: ReadonlyMap<number, () => Promise<StillhouseError>>;
}

interface Options {
  /** False for rows to predict. */
  readonly withLabels: boolean;
  /** Column that rows are split by. */
  readonly key: string | undefined;
}

/** @throws StillhouseError DATA_CELL, DATA_COLUMN, DATA_FORMAT */
export async function* storedTable(table: Table, { columns, targets, classes }: Preprocessing, { withLabels, key }: Options): AsyncGenerator<StoredRows> {
  const wants: Want[] = columns.map((column) => {
    if (column.type === 'number') return { column: column.name, as: 'number' };
    return column.type === 'category' && column.encode !== 'hash' ? { column: column.name, as: 'category', categories: column.categories } : { column: column.name, as: 'text' };
  });
  const labelsAt = wants.length;
  if (withLabels) for (const { name } of targets) wants.push(classes ? { column: name, as: 'category', categories: classes } : { column: name, as: 'number' });
  const keyAt = key === undefined ? undefined : wants.push({ column: key, as: 'text' }) - 1;
  let first = 0;
  for await (const { rowCount, cells } of table.chunks(wants)) {
    const dropped = new Set<number>();
    const problems = new Map<number, () => Promise<StillhouseError>>();
    const at = first;
    const problem = (row: number, column: string, code: 'DATA_CELL' | 'DATA_LABEL', say: (text: string) => string, next?: string): void => {
      if (problems.has(row)) return;
      problems.set(row, async () => {
        const text = await table.cell(column, at + row);
        const isEmpty = text === null || code === 'DATA_CELL';
        return new StillhouseError(text === null ? 'DATA_CELL' : code, `${table.what}, row ${at + row + 1}, column ${column}: ${isEmpty && text === null ? 'the cell is empty' : say(JSON.stringify(text))}`, next === undefined ? {} : { next });
      });
    };
    const stored = columns.map((column, i) => {
      const values = cells[i];
      if (column.type === 'category' && column.encode === 'hash') return Uint32Array.from(values as readonly (string | null)[], (text) => (text === null ? 0 : bucketOf(text, column.buckets)));
      if (column.type !== 'number') return values as Numbers;
      const numbers = values as Numbers;
      for (let row = 0; row < rowCount; row++) {
        const cell = numbers[row];
        if (cell - cell === 0 && (column.dtype !== 'F32' || Math.abs(cell) <= largestFloat)) continue;
        if (cell === cell) problem(row, column.name, 'DATA_CELL', (text) => `${text} is too large a number`);
        else if (column.missing === 'drop') dropped.add(row);
        else if (column.missing === 'error') problem(row, column.name, 'DATA_CELL', (text) => `${text} stands for an empty cell`, 'Fill in the cell, or set data.table.missing to mean or drop.');
      }
      return numbers;
    });
    const labels = withLabels ? targets.map(({ name, mean, deviation }, k) => {
      const values = cells[labelsAt + k] as Numbers;
      const out = new Float32Array(rowCount);
      for (let row = 0; row < rowCount; row++) {
        out[row] = classes ? values[row] - 1 : (values[row] - mean) / deviation;
        if (classes ? values[row] === 0 : !Number.isFinite(out[row])) problem(row, name, 'DATA_LABEL', (text) => (classes ? `class ${text} does not occur among the training rows of the large set` : `${text} is not a finite number`));
      }
      return out;
    }) : [];
    yield { first, rowCount, cells: stored, labels, keys: keyAt === undefined ? undefined : (cells[keyAt] as (string | null)[]), dropped, problems };
    first += rowCount;
  }
}

const largestFloat = 3.4028234663852886e38;
