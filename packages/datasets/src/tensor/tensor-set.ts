// Rows that are tensors of one shape, with one label each: images, arrays, generated numbers.
import type { Numbers, TensorType } from '@stillhouse/core';
import { chunkRows, type Chunk } from '../row/chunk.js';

export interface TensorSet {
  /** Names the set in errors. */
  readonly what: string;
  readonly rowCount: number;
  readonly inputShape: readonly number[];
  readonly dtype: TensorType;
  /** Whether numbers are bytes of an image, from 0 to 255. */
  readonly isBytes: boolean;
  /** Names of the classes, if labels are their indices, counted from 0. */
  readonly classes: readonly string[] | undefined;
  /** Numbers per label. */
  readonly labelCount: number;
  /** All rows in order, with two cells: inputs and label. */
  chunks(): AsyncIterable<Chunk & { readonly cells: readonly [inputs: Numbers, labels: Numbers] }>;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Cuts arrays into chunks that share their memory. */
export async function* chunksOf(
  inputs: Numbers,
  labels: Numbers,
  rowCount: number,
): AsyncGenerator<Chunk & { readonly cells: readonly [Numbers, Numbers] }> {
  const width = inputs.length / Math.max(1, rowCount);
  const labelCount = labels.length / Math.max(1, rowCount);
  for (let first = 0; first < rowCount; first += chunkRows) {
    const end = Math.min(rowCount, first + chunkRows);
    yield {
      rowCount: end - first,
      cells: [inputs.subarray(first * width, end * width), labels.subarray(first * labelCount, end * labelCount)],
    };
  }
}
