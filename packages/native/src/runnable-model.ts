// A model that an engine other than TFJS runs.
import type * as tf from '@tensorflow/tfjs';

/** @throws Error if a model takes only a fixed number of rows; undefined means any number */
export function refuseFixedRows(rows: number | undefined): void {
  if (rows !== undefined)
    throw new Error(
      `it takes exactly ${rows} rows at a time: export it for any number of rows (dynamic_axes of ` +
        `torch.onnx.export, None as Keras's batch size)`,
    );
}

export interface RunnableModel {
  /**
   * Shape of its input, without rows; a size that may vary is undefined. The whole is undefined if the model does not
   * say.
   */
  readonly inputShape: readonly (number | undefined)[] | undefined;
  /** Its outputs [rows, outputs] for rows; the caller disposes of both. */
  run(x: tf.Tensor): Promise<tf.Tensor>;
  close(): Promise<void>;
}
