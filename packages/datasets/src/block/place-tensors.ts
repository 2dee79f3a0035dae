// Rows of one tensor, copied or looked up: what encodeColumns (core/format/columns.ts) writes number by number, faster.
import type { FittedColumn, Numbers } from '@stillhouse/core';

interface Places {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly out: Float32Array;
}

/** Looks a row of bytes up. A function of its own, which the compiler makes fast. */
function placeBytes(row: Uint8Array, inputs: Float32Array, out: Float32Array): void {
  for (let k = 0; k < row.length; k++) out[k] = inputs[row[k]];
}

/** Writes the inputs of some rows, if the data set's only column is a tensor for which that is simple. */
export function placeTensors(columns: readonly FittedColumn[], cells: readonly Numbers[], places: Places): boolean {
  const [column] = columns;
  if (columns.length !== 1 || column.type !== 'tensor') return false;
  const { size, factors, offsets } = column;
  const [numbers] = cells;
  const isUnchanged = factors.every((factor) => factor === 1) && offsets.every((offset) => offset === 0);
  const { from, to, out } = places;
  if (isUnchanged) {
    for (let i = 0; i < from.length; i++) out.set(numbers.subarray(from[i] * size, (from[i] + 1) * size), to[i] * size);
    return true;
  }
  if (!(numbers instanceof Uint8Array) || factors.length > 1) return false;
  const inputs = Float32Array.from({ length: 256 }, (_, byte) => byte * factors[0] + offsets[0]);
  for (let i = 0; i < from.length; i++)
    placeBytes(
      numbers.subarray(from[i] * size, (from[i] + 1) * size),
      inputs,
      out.subarray(to[i] * size, (to[i] + 1) * size),
    );
  return true;
}
