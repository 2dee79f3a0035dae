// A model's outputs for any number of rows, batch by batch.
import { limits } from '@stillhouse/core';
import type { Predict } from '@stillhouse/worker';

export interface Rows {
  readonly count: number;
  /** [count, …inputShape]. */
  readonly inputs: Float32Array;
  readonly inputShape: readonly number[];
  /** Outputs per row. */
  readonly outputs: number;
}

/** @returns [count, outputs] */
export async function outputsOf(
  predict: Predict,
  { count: rows, inputs, inputShape, outputs }: Rows,
): Promise<Float32Array> {
  const width = inputs.length / rows;
  const all = new Float32Array(rows * outputs);
  for (let first = 0; first < rows; first += limits.evaluationBatchRows) {
    const count = Math.min(limits.evaluationBatchRows, rows - first);
    const batch = inputs.subarray(first * width, (first + count) * width);
    all.set(await predict(batch, [count, ...inputShape]), first * outputs);
  }
  return all;
}
