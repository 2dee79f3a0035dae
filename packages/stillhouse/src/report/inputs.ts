// The inputs of a row as a reader knows them: values and categories by the name of their column.
import { isTimeNotation, textOfTime, type FittedColumn, type TensorType } from '@stillhouse/core';

/** Cells of a row as they are stored, by column. */
export type RowCells = readonly ArrayLike<number>[];

/** Numbers of rows that are neither table nor picture are shown only if they are this few. */
const shownNumbers = 16;

/** The shortest text of a number that is stored as this type. */
function text(value: number, dtype: TensorType): string {
  if (dtype !== 'F32') return String(value);
  let digits = 6;
  while (Math.fround(Number(value.toPrecision(digits))) !== value && digits < 9) digits += 1;
  return String(Number(value.toPrecision(digits)));
}

/** A day, an hour, a quarter of one, a minute and a second. */
const roundSeconds = [86_400, 3600, 900, 60, 1];

/** The roundest time that is stored as this number: fp32 has steps of 128 seconds today. */
function timeText(seconds: number, dtype: TensorType, notation: 'timestamp' | 'time'): string {
  const stored = dtype === 'F32' ? Math.fround : (value: number): number => value;
  const nearest = roundSeconds.map((step) => Math.round(seconds / step) * step);
  return textOfTime(nearest.find((value) => stored(value) === seconds) ?? seconds, notation);
}

function readable(column: FittedColumn, cells: ArrayLike<number>): string {
  const { dtype } = column;
  if (column.type === 'tensor') return Array.from(cells, (value) => text(value, dtype)).join(', ');
  const [cell] = Array.from(cells);
  if (column.type === 'number') {
    if (Number.isNaN(cell)) return 'missing';
    const { notation } = column;
    return isTimeNotation(notation) ? timeText(cell, dtype, notation) : text(cell, dtype);
  }
  // Blocks do not tell these two apart.
  if (cell === 0) return 'missing or unknown';
  return column.encode === 'hash' ? `bucket ${cell}` : column.categories[cell - 1];
}

/** Name and value of each column of a row; none for rows of many numbers. */
export const readableInputs = (columns: readonly FittedColumn[], cells: RowCells): [name: string, text: string][] =>
  columns.flatMap((column, i): [string, string][] =>
    column.type === 'tensor' && column.size > shownNumbers ? [] : [[column.name, readable(column, cells[i])]],
  );
