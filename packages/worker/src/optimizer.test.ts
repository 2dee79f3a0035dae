// Stillhouse's optimisers on a flat buffer against TFJS's own on the same gradients.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { createOptimizer, parseRecipe, randomStream, type OptimizerConfig } from '@stillhouse/core';

const length = 50;

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

function configOf(optimizer: object): OptimizerConfig {
  const source = { generator: 'noise', rows: 1 };
  return parseRecipe({ data: { large: source, test: source }, loss: 'mse', teacher: { model: { layers: [{ dense: 1 }] }, optimizer } }).teacher.optimizer;
}

test.each([
  ['SGD', { name: 'sgd', learningRate: 0.1 }, () => tf.train.sgd(0.1)],
  ['momentum', { name: 'sgd', learningRate: 0.1, momentum: 0.9 }, () => tf.train.momentum(0.1, 0.9)],
  ['Adam', { name: 'adam', learningRate: 0.01 }, () => tf.train.adam(0.01, 0.9, 0.999, 1e-7)],
] as const)('%s', (_, optimizer, theirs) => {
  const next = randomStream(9);
  const start = Float32Array.from({ length }, next);
  const ours = createOptimizer(configOf(optimizer), length);
  const parameters = start.slice();
  const variable = tf.variable(tf.tensor1d(start));
  const reference = theirs();
  for (let step = 0; step < 30; step++) {
    const gradient = Float32Array.from({ length }, () => next() - 0.5);
    ours.apply(parameters, gradient, { learningRate: optimizer.learningRate, step });
    reference.applyGradients([{ name: variable.name, tensor: tf.tensor1d(gradient) }]);
  }
  const expected = variable.dataSync();
  parameters.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
});
