// How the columns of a data set become a model's inputs: what `data prepare` has fitted on the training rows of the
// large set, and the arithmetic that training, `predict` and @stillhouse/student share. Blocks store cells in a small
// type (an index for a category, bytes for an image), and this is applied when rows are read.
import { hashName } from '../random/random.js';
import type { Notation } from './cell-text.js';
import type { Numbers, TensorType } from './safetensors.js';

export type FittedColumn = NumberColumn | CategoryColumn | TensorColumn;

/** (t(value) − shift) / scale, where t is the identity, or sign(v)·ln(1 + |v|). */
export interface NumberColumn {
  readonly name: string;
  readonly type: 'number';
  readonly transform: 'none' | 'log';
  readonly shift: number;
  readonly scale: number;
  /** Replaces a missing cell, before the transform. */
  readonly fill: number;
  /** Whether a second input is 1 if the cell is missing. */
  readonly indicator: boolean;
  readonly missing: 'error' | 'mean' | 'drop';
  /** How cells are stored in blocks; NaN is a missing cell. */
  readonly dtype: TensorType;
  /** How text becomes plain numbers, if it writes them otherwise. */
  readonly notation?: Notation | undefined;
}

/**
 * A cell is stored as the index of its category or bucket, counted from 1; 0 is none of them.
 * oneHot and hash become one input per category or bucket; index becomes one input, the stored number.
 */
export type CategoryColumn = { readonly name: string; readonly type: 'category'; readonly dtype: TensorType } & (
  | { readonly encode: 'oneHot' | 'index'; readonly categories: readonly string[] }
  | { readonly encode: 'hash'; readonly buckets: number }
);

/** Rows of numbers of one shape, such as images: v·factor + offset per channel, the last dimension. */
export interface TensorColumn {
  readonly name: string;
  readonly type: 'tensor';
  readonly size: number;
  /** One for all channels, or one per channel. */
  readonly factors: readonly number[];
  readonly offsets: readonly number[];
  readonly dtype: TensorType;
}

/** Inputs that a column becomes. */
export function columnWidth(column: FittedColumn): number {
  if (column.type === 'tensor') return column.size;
  if (column.type === 'number') return column.indicator ? 2 : 1;
  return column.encode === 'index' ? 1 : column.encode === 'hash' ? column.buckets : column.categories.length;
}

/** How many numbers a cell takes in a block. */
export const cellSize = (column: FittedColumn): number => (column.type === 'tensor' ? column.size : 1);

export const inputWidth = (columns: readonly FittedColumn[]): number =>
  columns.reduce((sum, column) => sum + columnWidth(column), 0);

export const logarithmic = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value));

/** Bucket of a category, from 1. */
export const bucketOf = (category: string, buckets: number): number => 1 + (hashName(category) % buckets);

/** Which rows of a block are requested, and where they are written. */
export interface Placing {
  /** Positions of the rows in the block. */
  readonly from: ArrayLike<number>;
  /** Their positions in the batch. */
  readonly to: ArrayLike<number>;
  /** [rows of the batch, width]; must contain zeros. */
  readonly out: Float32Array;
  readonly width: number;
}

/** Writes the inputs of some rows of a block. */
export function encodeColumns(columns: readonly FittedColumn[], cells: readonly Numbers[], placing: Placing): void {
  let at = 0;
  columns.forEach((column, i) => {
    encodeCells(column, cells[i]!, at, placing);
    at += columnWidth(column);
  });
}

/** Writes a column's inputs of some rows, beginning at position `at` of each row. */
export function encodeCells(column: FittedColumn, cells: Numbers, at: number, placing: Placing): void {
  if (column.type === 'tensor') encodeTensors(column, cells, at, placing);
  else if (column.type === 'number') encodeNumbers(column, cells, at, placing);
  else encodeCategories(column, cells, at, placing);
}

function encodeTensors(
  { size, factors, offsets }: TensorColumn,
  cells: Numbers,
  at: number,
  { from, to, out, width }: Placing,
): void {
  const channels = factors.length;
  for (let i = 0; i < from.length; i++) {
    const source = from[i]! * size;
    const target = to[i]! * width + at;
    // Without a division per number.
    for (let k = 0, channel = 0; k < size; k++) {
      out[target + k] = cells[source + k]! * factors[channel]! + offsets[channel]!;
      if (++channel === channels) channel = 0;
    }
  }
}

function encodeNumbers(
  { transform, shift, scale, fill, indicator }: NumberColumn,
  cells: Numbers,
  at: number,
  { from, to, out, width }: Placing,
): void {
  const isLog = transform === 'log';
  for (let i = 0; i < from.length; i++) {
    let value = cells[from[i]!]!;
    const target = to[i]! * width + at;
    if (value !== value) {
      value = fill;
      if (indicator) out[target + 1] = 1;
    }
    out[target] = ((isLog ? logarithmic(value) : value) - shift) / scale;
  }
}

function encodeCategories(column: CategoryColumn, cells: Numbers, at: number, { from, to, out, width }: Placing): void {
  const isIndex = column.encode === 'index';
  for (let i = 0; i < from.length; i++) {
    const stored = cells[from[i]!]!;
    if (isIndex) out[to[i]! * width + at] = stored;
    else if (stored > 0) out[to[i]! * width + at + stored - 1] = 1;
  }
}
