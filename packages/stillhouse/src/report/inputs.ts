// The inputs of a row as a reader knows them: values and categories by the name of their column.
import { columnWidth, type FittedColumn } from '@stillhouse/core';

/** Numbers of rows that are neither table nor picture are shown only if they are this few. */
const shownNumbers = 16;

const text = (value: number): string => String(Number(value.toPrecision(4)));

/** @param inputs those of the column, as the model gets them */
function readable(column: FittedColumn, inputs: ArrayLike<number>): string {
  if (column.type === 'tensor') {
    const { factors, offsets } = column;
    return Array.from(inputs, (value, k) =>
      text((value - offsets[k % offsets.length]) / factors[k % factors.length]),
    ).join(', ');
  }
  if (column.type === 'number') {
    if (column.indicator && inputs[1] === 1) return 'missing';
    const value = inputs[0] * column.scale + column.shift;
    return text(column.transform === 'log' ? Math.sign(value) * Math.expm1(Math.abs(value)) : value);
  }
  if (column.encode === 'hash') return `bucket ${Array.from(inputs).indexOf(1) + 1}`;
  const index = column.encode === 'index' ? inputs[0] - 1 : Array.from(inputs).indexOf(1);
  return column.categories[index] ?? 'another';
}

/**
 * Name and value of each column of a row; none for rows of many numbers.
 * @param inputs of the row, as the model gets them
 */
export function readableInputs(columns: readonly FittedColumn[], inputs: Float32Array): [name: string, text: string][] {
  let at = 0;
  return columns.flatMap((column): [string, string][] => {
    const own = inputs.subarray(at, at + columnWidth(column));
    at += own.length;
    return column.type === 'tensor' && column.size > shownNumbers ? [] : [[column.name, readable(column, own)]];
  });
}
