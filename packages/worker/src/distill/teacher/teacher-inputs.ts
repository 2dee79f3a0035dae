// Converts rows to a teacher's inputs: its images may be flat or have channels first, its rows fewer columns than a
// student's.
import { tf } from '@stillhouse/native/tfjs';

/** Sizes of one row's input; undefined if a size may vary. */
export type Sizes = readonly (number | undefined)[];

const fits = (expected: Sizes, given: readonly number[]): boolean =>
  expected.length === given.length && expected.every((size, i) => size === undefined || size === given[i]);

/**
 * Rows as a teacher takes them: unchanged if they fit; otherwise images [height, width, channels] as [channels, height,
 * width] or without their only channel, rows flattened to one dimension, or without the columns after the teacher's.
 * @param expected sizes of a row; undefined if the teacher does not say
 * @param x [rows, …]
 * @returns x itself, or another tensor
 * @throws Error if they do not fit in any way: TensorFlow ends the whole process for some tensors that it does not
 * expect
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
