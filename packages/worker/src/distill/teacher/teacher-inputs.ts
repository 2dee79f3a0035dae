// How rows become what a teacher takes: its images may have channels first, be flat, or have fewer columns than a student's.
import * as tf from '@tensorflow/tfjs';

/** Sizes of one row's input; undefined where they may vary. */
export type Sizes = readonly (number | undefined)[];

const fits = (expected: Sizes, given: readonly number[]): boolean =>
  expected.length === given.length && expected.every((size, i) => size === undefined || size === given[i]);

/**
 * Rows as a teacher takes them: as they are where they fit, else images [height, width, channels] as [channels, height,
 * width] or without their one channel, rows flattened to one dimension, or columns without those behind the teacher's.
 * @param expected sizes of a row; undefined where the teacher does not say
 * @param x [rows, …]
 * @returns x itself, or another tensor
 * @throws Error where they fit in no way: TensorFlow ends the whole process for some tensors that it does not expect
 */
export function rowsFor(expected: Sizes | undefined, x: tf.Tensor): tf.Tensor {
  const [rows, ...row] = x.shape;
  if (expected === undefined || fits(expected, row)) return x;
  const [height, width, channels] = row;
  if (row.length === 3 && fits(expected, [channels, height, width])) return tf.transpose(x, [0, 3, 1, 2]);
  if (channels === 1 && fits(expected, [height, width])) return tf.reshape(x, [rows, height, width]);
  const [size] = expected;
  const count = x.size / rows;
  if (expected.length === 1 && row.length > 1 && size === count) return tf.reshape(x, [rows, count]);
  if (expected.length === 1 && row.length === 1 && size !== undefined && size < row[0])
    return tf.slice(x, [0, 0], [rows, size]);
  throw new Error(`it takes [${expected.map((each) => each ?? 'any').join(', ')}]`);
}
