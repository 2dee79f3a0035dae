// A model that another engine than TFJS runs.
import type * as tf from '@tensorflow/tfjs';

/** @throws Error where a model takes so many rows and no other number; undefined may be any */
export function refuseFixedRows(rows: number | undefined): void {
  if (rows !== undefined)
    throw new Error(
      `it takes ${rows} rows at a time and no other number: export it for any number of rows (dynamic_axes of torch.onnx.export, None as Keras's batch size)`,
    );
}

export interface RunnableModel {
  /** Shape of its input, without rows; a size that may vary is undefined. Undefined as a whole where the model does not say. */
  readonly inputShape: readonly (number | undefined)[] | undefined;
  /** Its outputs [rows, outputs] of rows; the caller disposes of both. */
  run(x: tf.Tensor): Promise<tf.Tensor>;
  close(): Promise<void>;
}
