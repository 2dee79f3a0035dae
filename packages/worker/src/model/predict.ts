// A model's outputs for rows, as plain numbers.
import { tf } from '@stillhouse/native/tfjs';

/** Outputs [rows, outputs] for rows whose shape begins with their number. */
export type Predict = (x: Float32Array, shape: readonly number[]) => Promise<Float32Array>;

/** Outputs [rows, outputs] of a model in inference. */
export async function predictRows(
  model: tf.LayersModel,
  x: Float32Array,
  shape: readonly number[],
): Promise<Float32Array> {
  const outputs = tf.tidy(() => model.apply(tf.tensor(x, [...shape]), { training: false }) as tf.Tensor);
  const values = (await outputs.data()) as Float32Array;
  outputs.dispose();
  return values;
}

/** A model in inference as a function of rows. */
export const predictOf =
  (model: tf.LayersModel): Predict =>
  (x, shape) =>
    predictRows(model, x, shape);
