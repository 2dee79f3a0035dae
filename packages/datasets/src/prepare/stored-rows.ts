// Rows as blocks hold them: a cell of each fitted column, and the label. What is wrong with a row is said only if the row is used.
import { bucketOf, StillhouseError, type FittedColumn, type Numbers } from '@stillhouse/core';
import type { Preprocessing } from '../table/preprocessing.js';
import type { Table, Want } from '../table/table.js';

export interface StoredRows {
  /** Number of the first row in its source. */
  readonly first: number;
  readonly rowCount: number;
  /** One array for each column. */
  readonly cells: readonly Numbers[];
  /** One array for each number of a label. */
  readonly labels: readonly Numbers[];
  readonly keys: readonly (string | null)[] | undefined;
  /** How often rows are to be drawn, relative to one another. */
  readonly weights?: Numbers | undefined;
  /** Rows that are left out, since a cell is missing. */
  readonly dropped: ReadonlySet<number>;
  /** Why a row cannot be used. */
  readonly problems: ReadonlyMap<number, () => Promise<StillhouseError>>;
}

interface Options {
  /** False for rows to predict and those of a pool, whose labels are then zeros. */
  readonly withLabels: boolean;
  /** Whether a column may be absent, where a cell may be missing. */
  readonly mayLack: boolean;
  /** Column that rows are split by. */
  readonly key: string | undefined;
  /** Column of weights. */
  readonly weight?: string | undefined;
}

function wantOf(column: FittedColumn): Want {
  if (column.type === 'number') return { column: column.name, as: 'number' };
  return column.type === 'category' && column.encode !== 'hash'
    ? { column: column.name, as: 'category', categories: column.categories }
    : { column: column.name, as: 'text' };
}

/** Whether a row is whole without a cell of the column. */
export const canLack = (column: FittedColumn): boolean =>
  column.type === 'category' || (column.type === 'number' && column.missing === 'mean');

/** @throws StillhouseError DATA_CELL, DATA_COLUMN, DATA_FORMAT */
export async function* storedTable(
  table: Table,
  { columns, targets, classes }: Preprocessing,
  { withLabels, mayLack, key, weight }: Options,
): AsyncGenerator<StoredRows> {
  const wants: Want[] = [];
  const places = columns.map((column) =>
    mayLack && canLack(column) && !table.has(column.name) ? undefined : wants.push(wantOf(column)) - 1,
  );
  const labelsAt = wants.length;
  if (withLabels)
    for (const { name } of targets)
      wants.push(classes ? { column: name, as: 'category', categories: classes } : { column: name, as: 'number' });
  const keyAt = key === undefined ? undefined : wants.push({ column: key, as: 'text' }) - 1;
  const weightAt = weight === undefined ? undefined : wants.push({ column: weight, as: 'number' }) - 1;
  let first = 0;
  for await (const { rowCount, cells } of table.chunks(wants)) {
    const dropped = new Set<number>();
    const problems = new Map<number, () => Promise<StillhouseError>>();
    const at = first;
    const problem = (row: number, column: string, kind: Problem): void => {
      if (!problems.has(row)) problems.set(row, async () => problemOf(table, { row: at + row, column }, kind));
    };
    const stored = columns.map((column, i): Numbers => {
      const place = places[i];
      if (place === undefined)
        return column.type === 'number' ? new Float64Array(rowCount).fill(NaN) : new Uint32Array(rowCount);
      const values = cells[place];
      if (column.type === 'category' && column.encode === 'hash')
        return Uint32Array.from(values as readonly (string | null)[], (text) =>
          text === null ? 0 : bucketOf(text, column.buckets),
        );
      if (column.type !== 'number') return values as Numbers;
      const numbers = values as Numbers;
      for (let row = 0; row < rowCount; row++) {
        const cell = numbers[row];
        if (cell - cell === 0 && (column.dtype !== 'F32' || Math.abs(cell) <= largestFloat)) continue;
        if (cell === cell) problem(row, column.name, 'tooLarge');
        else if (column.missing === 'drop') dropped.add(row);
        else if (column.missing === 'error') problem(row, column.name, 'empty');
      }
      return numbers;
    });
    const labels = withLabels
      ? targets.map(({ name, mean, deviation }, k) => {
          const values = cells[labelsAt + k] as Numbers;
          const out = new Float32Array(rowCount);
          for (let row = 0; row < rowCount; row++) {
            out[row] = classes ? values[row] - 1 : (values[row] - mean) / deviation;
            if (classes ? values[row] === 0 : !Number.isFinite(out[row]))
              problem(row, name, classes ? 'unknownClass' : 'notFinite');
          }
          return out;
        })
      : targets.map(() => new Float32Array(rowCount));
    const weights = weightAt === undefined ? undefined : (cells[weightAt] as Numbers);
    if (weights)
      for (let row = 0; row < rowCount; row++)
        if (!(weights[row] > 0 && weights[row] < Infinity)) problem(row, weight!, 'notPositive');
    yield {
      first,
      rowCount,
      cells: stored,
      labels,
      weights,
      keys: keyAt === undefined ? undefined : (cells[keyAt] as (string | null)[]),
      dropped,
      problems,
    };
    first += rowCount;
  }
}

const largestFloat = 3.4028234663852886e38;

type Problem = 'notPositive' | 'tooLarge' | 'empty' | 'unknownClass' | 'notFinite';

/** Says what is wrong with a cell, and where it is. */
async function problemOf(
  table: Table,
  { row, column }: { row: number; column: string },
  kind: Problem,
): Promise<StillhouseError> {
  const text = await table.cell(column, row);
  const where = `${table.what}, row ${row + 1}, column ${column}`;
  if (text === null)
    return new StillhouseError('DATA_CELL', `${where}: the cell is empty`, kind === 'empty' ? { next: fillIn } : {});
  const shown = JSON.stringify(text);
  switch (kind) {
    case 'empty':
      return new StillhouseError('DATA_CELL', `${where}: ${shown} stands for an empty cell`, { next: fillIn });
    case 'tooLarge':
      return new StillhouseError('DATA_CELL', `${where}: ${shown} is too large a number`);
    case 'unknownClass':
      return new StillhouseError('DATA_LABEL', `${where}: class ${shown} does not occur among the training rows`);
    case 'notPositive':
      return new StillhouseError('DATA_CELL', `${where}: ${shown} is no weight, which is a positive number`);
    case 'notFinite':
      return new StillhouseError('DATA_LABEL', `${where}: ${shown} is not a finite number`);
  }
}

const fillIn = 'Fill in the cell, or set data.table.missing to mean or drop.';
