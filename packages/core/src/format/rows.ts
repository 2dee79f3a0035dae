// From a user's row (cells by the name of their column, or numbers) to a model's input, as in training: shared by
// `stillhouse predict` and @stillhouse/student. Strict: what cannot be encoded is refused, with row and column.
import {
  booleanOfText,
  categoryFinder,
  categoryText,
  isMissingText,
  isTimeNotation,
  numberOfText,
  wantedText,
  type Notation,
} from './cell-text.js';
import {
  bucketOf,
  encodeCells,
  encodeColumns,
  inputWidth,
  type CategoryColumn,
  type FittedColumn,
  type NumberColumn,
  type TensorColumn,
} from './columns.js';
import type { ModelMetadata } from './model-metadata.js';

/** A time, such as a JavaScript Date. */
export interface Time {
  /** Milliseconds since 1970. */
  getTime(): number;
}

/** A cell; null, undefined, NaN '', 'NA', 'N/A', 'null' and '?' are missing cells. */
export type Cell = number | bigint | string | boolean | Time | null | undefined;

/** Cells by the name of their column. */
export type TableRow = Readonly<Record<string, Cell>>;

/**
 * DATA_COLUMN: a row lacks a column; DATA_CELL: a cell is not what its column needs; PREDICT_ROW: any other fault of a
 * row.
 */
export type RowErrorCode = 'DATA_CELL' | 'DATA_COLUMN' | 'PREDICT_ROW';

/** What to do about a cell that a trained model cannot take: what its recipe declares can no longer be changed. */
export const nextForCell = 'Correct the cell: a trained model reads a column as its training rows had it.';

/** Makes the error for a row that cannot be encoded; each caller has its own class of errors. */
export type RowErrorFactory = (code: RowErrorCode, message: string) => Error;

const isMissing = (cell: Cell): boolean =>
  cell === null || cell === undefined || cell !== cell || (typeof cell === 'string' && isMissingText(cell.trim()));

/** Seconds since 1970 for times, 0 and 1 for booleans; NaN for anything that is not a number. */
function numberOf(cell: Cell, notation: Notation | undefined): number {
  if (typeof cell === 'string') {
    const value = numberOfText(cell, notation);
    return value === value || isTimeNotation(notation) ? value : booleanOfText(cell);
  }
  // A Date is no time of day, and rows of JavaScript may have objects that are no times.
  if (typeof cell === 'object' && notation === 'time') return NaN;
  return typeof cell === 'object' ? ((cell as Partial<Time> | null)?.getTime?.() ?? NaN) / 1000 : Number(cell);
}

const shown = (cell: Cell): string => {
  if (typeof cell === 'string') return JSON.stringify(cell);
  return typeof cell === 'object' ? 'this object' : String(cell);
};

/** The stored form of a cell, rounded as in a block, NaN for a missing number; or text that says why there is none. */
type Store = (cell: Cell) => number | string;

/** A table has no columns of tensors. */
const storeOf = (column: FittedColumn): Store =>
  column.type === 'number' ? (cell) => storedNumber(column, cell) : storeCategory(column as CategoryColumn);

function storedNumber({ missing, dtype, notation }: NumberColumn, cell: Cell): number | string {
  if (isMissing(cell)) {
    // A row to predict is never dropped.
    if (missing === 'mean') return NaN;
    return typeof cell === 'string' && cell !== '' ? `${shown(cell)} stands for an empty cell` : 'the cell is empty';
  }
  const value = numberOf(cell, notation);
  if (value !== value) return `${shown(cell)} is not ${wantedText(notation)}`;
  const stored = dtype === 'F32' ? Math.fround(value) : value;
  return Number.isFinite(stored) ? stored : `${shown(cell)} is too large a number`;
}

function storeCategory(column: CategoryColumn): Store {
  const find =
    column.encode === 'hash' ? (text: string) => bucketOf(text, column.buckets) : categoryFinder(column.categories);
  return (cell) => {
    if (isMissing(cell)) return 0;
    return typeof cell === 'object' ? 'a category is a text, a number or a boolean' : find(categoryText(cell!));
  };
}

/**
 * Rows of a table as a model's inputs. Cells of other columns are ignored. An unknown category is encoded like a
 * missing one, as no category.
 * @param columns columns of the model's metadata
 * @returns [rows, inputWidth(columns)]
 */
export function encodeTableRows(
  columns: readonly FittedColumn[],
  rows: readonly TableRow[],
  errorOf: RowErrorFactory,
): Float32Array {
  const stored = columns.map((column) => {
    const { name } = column;
    const store = storeOf(column);
    return Float64Array.from(rows, (row, i) => {
      if (!Object.hasOwn(row, name))
        throw errorOf(
          'DATA_COLUMN',
          `row ${i + 1} has no column ${JSON.stringify(name)}; it has ${Object.keys(row).join(', ') || 'none'}`,
        );
      const cell = store(row[name]);
      if (typeof cell === 'string') throw errorOf('DATA_CELL', `row ${i + 1}, column ${name}: ${cell}`);
      return cell;
    });
  });
  const places = rows.map((_, i) => i);
  const width = inputWidth(columns);
  const out = new Float32Array(rows.length * width);
  encodeColumns(columns, stored, { from: places, to: places, out, width });
  return out;
}

/** Cells of a column whose category the training rows did not have. */
export interface UnknownCategories {
  readonly column: string;
  /** How many rows have one. */
  readonly count: number;
  /** The first of them, counted from 1, and its cell. */
  readonly row: number;
  readonly cell: string;
}

/** Cells that `encodeTableRows` encodes as no category although they are not missing, by column. */
export function unknownCategories(columns: readonly FittedColumn[], rows: readonly TableRow[]): UnknownCategories[] {
  return columns.flatMap((column) => {
    if (column.type !== 'category' || column.encode === 'hash') return [];
    const { name } = column;
    const store = storeCategory(column);
    const found = rows.flatMap((row, i) => (!isMissing(row[name]) && store(row[name]) === 0 ? [i] : []));
    const [first] = found;
    return first === undefined
      ? []
      : [{ column: name, count: found.length, row: first + 1, cell: shown(rows[first]![name]) }];
  });
}

/**
 * Rows of numbers of one shape, such as the bytes of images, as a model's inputs.
 * @param column the only column of the model's metadata
 * @param rows unscaled numbers, one after the other
 * @returns [rows, column.size]
 */
export function encodeTensorRows(
  column: TensorColumn,
  rows: readonly ArrayLike<number>[],
  errorOf: RowErrorFactory,
): Float32Array {
  const { size } = column;
  const out = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    if (row.length !== size)
      throw errorOf('PREDICT_ROW', `row ${i + 1} has ${row.length} values; the model takes ${size}`);
    for (let k = 0; k < size; k++)
      if (!Number.isFinite(row[k])) throw errorOf('PREDICT_ROW', `row ${i + 1} has no number as value ${k + 1}`);
    encodeCells(column, Float64Array.from(row), 0, { from: [0], to: [i], out, width: size });
  });
  return out;
}

/**
 * The place of the first input that is no index below a count.
 * @param inputs [rows, width]
 * @returns row and input counted from 0, and the value to six digits
 */
export function wrongIndex(
  inputs: Float32Array,
  width: number,
  count: number,
): { readonly row: number; readonly input: number; readonly value: number } | undefined {
  const place = inputs.findIndex((value) => value >>> 0 !== value || value >= count);
  return place < 0
    ? undefined
    : { row: Math.floor(place / width), input: place % width, value: Number(inputs[place]!.toPrecision(6)) };
}

/** Refuses inputs that the embedding of a model has no vector for. */
export function refuseIndices(
  inputs: Float32Array,
  { columns, indexCount }: Pick<ModelMetadata, 'columns' | 'indexCount'>,
  errorOf: RowErrorFactory,
): void {
  const wrong = indexCount === undefined ? undefined : wrongIndex(inputs, inputWidth(columns), indexCount);
  if (wrong)
    throw errorOf(
      'PREDICT_ROW',
      `row ${wrong.row + 1}, input ${wrong.input + 1}: ${wrong.value} is not a whole number below ${indexCount}`,
    );
}
