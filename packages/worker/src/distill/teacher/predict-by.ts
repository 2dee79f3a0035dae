// A teacher's outputs for rows, as plain numbers.
import { tf } from '@stillhouse/native/tfjs';
import type { Predict } from '../../model/predict.js';
import type { Teacher } from './teacher.js';

/** A teacher in inference as a function of rows. */
export const predictBy =
  (teacher: Teacher): Predict =>
  async (x, shape) => {
    const input = tf.tensor(x, [...shape]);
    const [outputs] = await teacher.respond(input, []);
    const values = (await outputs.data()) as Float32Array;
    tf.dispose([input, outputs]);
    return values;
  };
