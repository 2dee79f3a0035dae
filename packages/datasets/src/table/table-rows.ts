// Rows of a table as they are stored in blocks: one cell per fitted column, and the label.
import { bucketOf, isMissingText, StillhouseError, type FittedColumn, type Numbers } from '@stillhouse/core';
import { scaledTarget, takenLabels, type Loss } from '@stillhouse/core/training';
import { labelFault, unknownClass } from '../row/label-faults.js';
import type { StoredRows } from '../row/stored-rows.js';
import type { Preprocessing } from './preprocessing.js';
import { numberAdvice, type FittedTarget } from './table-targets.js';
import type { Want } from './column-reading.js';
import type { Table } from './table.js';

interface Options {
  readonly loss: Loss;
  /** False for rows to predict and rows of a pool, whose labels are then zeros. */
  readonly withLabels: boolean;
  /** Whether a column may be absent if its cells may be missing. */
  readonly mayLack: boolean;
  /** Column that rows are split by. */
  readonly key: string | undefined;
  /** Column of weights. */
  readonly weight?: string | undefined;
}

function wantOf(column: FittedColumn): Want {
  if (column.type === 'number') return { column: column.name, as: 'number', notation: column.notation };
  return column.type === 'category' && column.encode !== 'hash'
    ? { column: column.name, as: 'category', categories: column.categories, add: () => column.categories.length + 1 }
    : { column: column.name, as: 'text' };
}

/** Whether a row is complete without a cell of the column. */
export const canLack = (column: FittedColumn): boolean =>
  column.type === 'category' || (column.type === 'number' && column.missing === 'mean');

/** @throws StillhouseError DATA_CELL, DATA_COLUMN, DATA_FORMAT */
export async function* storedTable(
  table: Table,
  { columns, targets, classes }: Preprocessing,
  { loss, withLabels, mayLack, key, weight }: Options,
): AsyncGenerator<StoredRows> {
  const wants: Want[] = [];
  const places = columns.map((column) =>
    mayLack && canLack(column) && !table.has(column.name) ? undefined : wants.push(wantOf(column)) - 1,
  );
  const labelsAt = wants.length;
  if (withLabels)
    for (const { name, notation } of targets)
      wants.push(
        classes
          ? { column: name, as: 'category', categories: classes }
          : { column: name, as: 'number', notation, advice: numberAdvice },
      );
  const keyAt = key === undefined ? undefined : wants.push({ column: key, as: 'text' }) - 1;
  const weightAt = weight === undefined ? undefined : wants.push({ column: weight, as: 'number' }) - 1;
  let first = 0;
  for await (const { rowCount, cells } of table.chunks(wants)) {
    const dropped = new Set<number>();
    const problems = new Map<number, () => Promise<StillhouseError>>();
    const at = first;
    const problem: Report = (row, column, kind) => {
      if (!problems.has(row)) problems.set(row, async () => problemOf(table, { row: at + row, column, classes }, kind));
    };
    const checks = { loss, classes, problem };
    const unknown = columns.map((column, i) => {
      const place = places[i];
      return place === undefined ? undefined : takeUnknown(column, cells[place]);
    });
    const stored = columns.map((column, i) => {
      const place = places[i];
      return place === undefined
        ? missingCells(column, rowCount)
        : storedCells(column, cells[place], { problem, dropped });
    });
    const labels = targets.map((target, k) =>
      withLabels ? labelsOf(target, cells[labelsAt + k] as Numbers, checks) : new Float32Array(rowCount),
    );
    const weights = weightAt === undefined ? undefined : (cells[weightAt] as Numbers);
    if (weights)
      for (let row = 0; row < rowCount; row++)
        if (!(weights[row] > 0 && weights[row] < Infinity)) problem(row, weight!, 'notPositive');
    yield {
      first,
      rowCount,
      cells: stored,
      unknown,
      labels,
      weights,
      keys: keyAt === undefined ? undefined : (cells[keyAt] as (string | null)[]),
      dropped,
      problems,
    };
    first += rowCount;
  }
}

type Report = (row: number, column: string, kind: Problem) => void;

const missingCells = (column: FittedColumn, rowCount: number): Numbers =>
  column.type === 'number' ? new Float64Array(rowCount).fill(NaN) : new Uint32Array(rowCount);

/** Makes categories that were not fitted none of them. */
function takeUnknown(column: FittedColumn, cells: Numbers | readonly (string | null)[]): Set<number> | undefined {
  if (column.type !== 'category' || column.encode === 'hash') return undefined;
  const indices = cells as Uint32Array;
  const rows = new Set<number>();
  for (let row = 0; row < indices.length; row++)
    if (indices[row] > column.categories.length) {
      indices[row] = 0;
      rows.add(row);
    }
  return rows;
}

/** Cells as they are stored in blocks; rows whose number is missing or too large are reported or dropped. */
function storedCells(
  column: FittedColumn,
  values: Numbers | readonly (string | null)[],
  { problem, dropped }: { problem: Report; dropped: Set<number> },
): Numbers {
  if (column.type === 'category' && column.encode === 'hash')
    return Uint32Array.from(values as readonly (string | null)[], (text) =>
      text === null ? 0 : bucketOf(text, column.buckets),
    );
  const numbers = values as Numbers;
  if (column.type !== 'number') return numbers;
  for (let row = 0; row < numbers.length; row++) {
    const cell = numbers[row];
    if (cell - cell === 0 && (column.dtype !== 'F32' || Math.abs(cell) <= largestFloat)) continue;
    if (cell === cell) problem(row, column.name, 'tooLarge');
    else if (column.missing === 'drop') dropped.add(row);
    else if (column.missing === 'error') problem(row, column.name, 'empty');
  }
  return numbers;
}

function labelsOf(
  target: FittedTarget,
  values: Numbers,
  { loss, classes, problem }: { loss: Loss; classes: readonly string[] | undefined; problem: Report },
): Float32Array {
  const { fits } = takenLabels(loss, classes?.length ?? 0);
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length; row++) {
    out[row] = classes ? values[row] - 1 : scaledTarget(values[row], target);
    if (classes && values[row] === 0) problem(row, target.name, 'unknownClass');
    else if (!fits(out[row]))
      problem(row, target.name, (what) =>
        labelFault({ what, value: values[row], scaled: out[row] }, loss, {
          classCount: classes?.length ?? 0,
          scale: classes ? undefined : target,
        }),
      );
  }
  return out;
}

const largestFloat = 3.4028234663852886e38;

/** A kind of fault, or the error for what a cell and its place are called. */
type Problem = 'notPositive' | 'tooLarge' | 'empty' | 'unknownClass' | ((what: string) => StillhouseError);

const fillIn = 'Fill in the cell, or set data.table.missing to mean or drop.';
const giveLabel =
  'Give the row a label, or leave the row out with sql; if NA or null is a class, give it another name.';

/** An error that names a cell's fault and place. */
async function problemOf(
  table: Table,
  { row, column, classes }: { row: number; column: string; classes: readonly string[] | undefined },
  kind: Problem,
): Promise<StillhouseError> {
  const text = await table.cell(column, row);
  const where = `${table.what}, row ${row + 1}, column ${column}`;
  const next =
    kind === 'empty' ? fillIn : kind === 'unknownClass' || typeof kind === 'function' ? giveLabel : undefined;
  const empty = (reason: string): StillhouseError =>
    new StillhouseError('DATA_CELL', `${where}: ${reason}`, next === undefined ? {} : { next });
  if (text === null || text.trim() === '') return empty('the cell is empty');
  const shown = JSON.stringify(text);
  if (isMissingText(text.trim())) return empty(`${shown} stands for an empty cell`);
  if (typeof kind === 'function') return kind(`${where}: label ${shown}`);
  switch (kind) {
    case 'tooLarge':
      return new StillhouseError('DATA_CELL', `${where}: ${shown} is too large a number`);
    case 'empty':
      return empty(`${shown} is not a number`);
    case 'unknownClass':
      return unknownClass(`${where}: class ${shown}`, text, classes ?? []);
    case 'notPositive':
      return new StillhouseError('DATA_CELL', `${where}: ${shown} is not a weight; a weight is a positive number`);
  }
}
