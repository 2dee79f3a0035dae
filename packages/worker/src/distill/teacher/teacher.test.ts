import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { lossOf } from '@stillhouse/core/training';
import { EnsembleTeacher, LayersTeacher } from './teacher.js';

beforeAll(() => tf.setBackend('cpu'));

/** A teacher that says the same of every row. */
function constant(outputs: number[]): LayersTeacher {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: outputs.length, inputShape: [1], kernelInitializer: 'zeros' })],
  });
  model.layers[0].setWeights([tf.zeros([1, outputs.length]), tf.tensor1d(outputs)]);
  return new LayersTeacher(model);
}

test('an ensemble is the mean of outputs', async () => {
  const [outputs] = await new EnsembleTeacher(
    [constant([1, 2, 3]), constant([3, 0, 0])],
    lossOf('softmaxCrossEntropy'),
  ).respond(tf.zeros([2, 1]));
  expect(await outputs.array()).toEqual([
    [2, 1, 1.5],
    [2, 1, 1.5],
  ]);
});

test('one of Gaussians has the mean and the variance of their mixture, in plain numbers', async () => {
  const parts = [
    { mean: 1, variance: 0.5 },
    { mean: 4, variance: 2 },
    { mean: -2, variance: 0.1 },
  ];
  const [outputs] = await new EnsembleTeacher(
    parts.map(({ mean, variance }) => constant([mean, 0, Math.log(variance), 0])),
    lossOf('gaussian'),
  ).respond(tf.zeros([1, 1]));
  const mean = parts.reduce((sum, part) => sum + part.mean, 0) / 3;
  const square = parts.reduce((sum, part) => sum + part.variance + part.mean ** 2, 0) / 3;
  expect(await outputs.array()).toEqual([
    [expect.closeTo(mean, 5), 0, expect.closeTo(Math.log(square - mean ** 2), 4), 0],
  ]);
});
