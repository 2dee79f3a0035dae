// What models say about rows, as plain numbers.
import * as tf from '@tensorflow/tfjs';
import type { Job, PretrainedTeacherConfig } from '@stillhouse/core';
import { pretrainedTeacher } from '../distill/teacher/pretrained.js';
import type { Teacher } from '../distill/teacher/teacher.js';
import type { FetchBlock } from '../engine/engine.js';

/** Outputs [rows, outputs] of rows of a shape that begins with their number. */
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

/** What a teacher says, as a function of rows. */
export const predictBy =
  (teacher: Teacher): Predict =>
  async (x, shape) => {
    const input = tf.tensor(x, [...shape]);
    const [outputs] = await teacher.respond(input, []);
    const values = (await outputs.data()) as Float32Array;
    tf.dispose([input, outputs]);
    return values;
  };

/**
 * A job's pretrained teacher, which may be several models.
 * @throws StillhouseError MODEL_INVALID, TEACHER_UNLIKE, and what `fetchBlock` throws
 */
export async function openPretrained(
  job: Job,
  config: PretrainedTeacherConfig,
  fetchBlock: FetchBlock,
): Promise<{ predict: Predict; dispose: () => void }> {
  const teacher = await pretrainedTeacher(job, config, fetchBlock);
  return { predict: predictBy(teacher), dispose: () => teacher.dispose() };
}
