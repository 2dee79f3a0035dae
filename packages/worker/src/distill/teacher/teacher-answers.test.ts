import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { TeacherAnswers, type AnswerSource } from './teacher-answers.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

/** Rows [row, variant], answered by their product and their sum; counts what was asked. */
function sourceOf(rowCount: number, variants = 1): AnswerSource & { asked: number[][] } {
  const asked: number[][] = [];
  return {
    asked,
    rowCount,
    variants,
    inputShape: [2],
    read: async (rows, variant) => Float32Array.from(rows.flatMap((row) => [row, variant + 1])),
    async respond(x) {
      asked.push([...(await x.data())].filter((_, i) => i % 2 === 0));
      return tf.tidy(() => [tf.prod(x, 1, true), tf.reshape(tf.sum(x, 1), [x.shape[0], 1, 1])]);
    },
  };
}

const valuesOf = async (answers: TeacherAnswers, rows: number[], variant = 0): Promise<number[][]> => {
  const tensors = (await answers.of(rows, variant))!;
  const values = tensors.map((tensor) => [...tensor.dataSync()]);
  tf.dispose(tensors);
  return values;
};

test('a row is asked about once, together with its neighbours, whatever batch it comes in', async () => {
  const source = sourceOf(600);
  const answers = new TeacherAnswers(source);
  expect(await valuesOf(answers, [599, 3, 300])).toEqual([
    [599, 3, 300],
    [600, 4, 301],
  ]);
  expect(await valuesOf(answers, [3, 4, 5])).toEqual([
    [3, 4, 5],
    [4, 5, 6],
  ]);
  expect(source.asked.map((rows) => [rows[0], rows.at(-1)])).toEqual([
    [512, 599],
    [0, 255],
    [256, 511],
  ]);
  expect((await answers.of([1], 0))!.map(({ shape }) => shape)).toEqual([
    [1, 1],
    [1, 1, 1],
  ]);
});

test('each variant has answers of its own', async () => {
  const source = sourceOf(10, 2);
  const answers = new TeacherAnswers(source);
  expect(await valuesOf(answers, [4], 0)).toEqual([[4], [5]]);
  expect(await valuesOf(answers, [4], 1)).toEqual([[8], [6]]);
  expect(await valuesOf(answers, [5, 4], 0)).toEqual([
    [5, 4],
    [6, 5],
  ]);
  expect(source.asked).toHaveLength(2);
});

test('answers that would take too much memory are not kept, from the first row on', async () => {
  const source = sourceOf(1000);
  expect(await new TeacherAnswers(source, 8 * 1000 - 1).of([0], 0)).toBeUndefined();
  expect(await new TeacherAnswers(source, 8 * 1000).of([0], 0)).toBeDefined();
  const twice = sourceOf(1000, 2);
  expect(await new TeacherAnswers(twice, 8 * 1000).of([0], 0)).toBeUndefined();
});
