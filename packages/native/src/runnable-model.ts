// A model that another engine than TFJS runs.
import type * as tf from '@tensorflow/tfjs';

export interface RunnableModel {
  /** Shape of its input, without rows; a size that may vary is undefined. Undefined as a whole where the model does not say. */
  readonly inputShape: readonly (number | undefined)[] | undefined;
  /** Its outputs [rows, outputs] of rows; the caller disposes of both. */
  run(x: tf.Tensor): Promise<tf.Tensor>;
  close(): Promise<void>;
}
