import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { bytesOf } from '@stillhouse/core';
import { loadConverted } from './model.js';

beforeAll(() => tf.setBackend('cpu'));

const dense = { class_name: 'Dense', config: { name: 'dense', units: 1, batch_input_shape: [null, 2] } };
const weights = bytesOf(Float32Array.of(2, 3, 5, 7));

/** What TFJS's converter writes, with an optimiser's weight after the model's. */
const converted = (config: unknown): string =>
  JSON.stringify({
    format: 'layers-model',
    modelTopology: {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: { class_name: 'Sequential', config },
    },
    weightsManifest: [
      {
        paths: ['group1-shard1of1.bin'],
        weights: [
          { name: 'dense/kernel', shape: [2, 1], dtype: 'float32' },
          { name: 'dense/bias', shape: [1], dtype: 'float32' },
          { name: 'iterations', shape: [1], dtype: 'float32', group: 'optimizer' },
        ],
      },
    ],
  });

test.each([
  ['a model', { name: 'model', layers: [dense] }],
  ['a model of Keras 2.2, which is the list of its layers', [dense]],
])('%s that was converted from Keras, with its weights', async (_, config) => {
  const model = (await loadConverted(converted(config), weights))!;
  expect([...(model.predict(tf.tensor2d([[1, 10]])) as tf.Tensor).dataSync()]).toEqual([2 + 30 + 5]);
});

test('one with a layer that is computed otherwise is refused, as in a file of Keras', async () => {
  const layers = [{ ...dense, config: { ...dense.config, activation: 'hard_sigmoid' } }];
  await expect(loadConverted(converted({ name: 'model', layers }), weights)).rejects.toThrow(
    'the layer dense (Dense) has the activation "hard_sigmoid", which is not computed here as in Keras',
  );
});

test('what TFJS saved is left to it', async () => {
  const saved = { modelTopology: { class_name: 'Sequential', config: {} }, weightsManifest: [{ weights: [] }] };
  expect(await loadConverted(JSON.stringify(saved), weights)).toBeUndefined();
});
