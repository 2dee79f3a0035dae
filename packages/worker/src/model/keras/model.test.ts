import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { bytesOf, limits } from '@stillhouse/core';
import { loadConverted, loadKeras } from './model.js';
import { zipOf } from './zip.test.fixture.js';

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
  expect(await loadConverted(JSON.stringify(saved), new Uint8Array())).toBeUndefined();
});

test('an archive that would take much more memory than its model is refused before it is unpacked', async () => {
  const config = {
    module: 'keras',
    class_name: 'Sequential',
    config: {
      name: 'small',
      layers: [
        { module: 'keras.layers', class_name: 'InputLayer', config: { batch_shape: [null, 10], name: 'rows' } },
        { module: 'keras.layers', class_name: 'Dense', config: { name: 'dense', units: 1 } },
      ],
    },
  };
  const text = Buffer.from(JSON.stringify(config));
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  await expect(loadKeras(zipOf({ 'config.json': text, 'model.weights.h5': zeros }))).rejects.toThrow(
    'its model.weights.h5 takes 67,108,864 bytes, and a model like this at most 16,777,568',
  );
  const padded = Buffer.concat([text, Buffer.alloc(limits.modelConfigBytes, ' ')]);
  await expect(loadKeras(zipOf({ 'config.json': padded, 'model.weights.h5': Buffer.alloc(8) }))).rejects.toThrow(
    'its config.json takes',
  );
});

test('an array of another shape than the layer’s weight is refused before it is read', async () => {
  const { default: hdf5, File } = await import('h5wasm');
  const { FS } = await hdf5.ready;
  const file = new File('made.h5', 'w');
  const config = { class_name: 'Sequential', config: { name: 'model', layers: [dense] } };
  file.create_attribute('model_config', JSON.stringify(config));
  const group = file.create_group('model_weights').create_group('dense');
  group.create_attribute('weight_names', ['dense/kernel:0', 'dense/bias:0']);
  const inner = group.create_group('dense');
  inner.create_dataset({ name: 'kernel:0', data: new Float32Array(3), shape: [3, 1] });
  inner.create_dataset({ name: 'bias:0', data: new Float32Array(1), shape: [1] });
  file.close();
  await expect(loadKeras(FS.readFile('made.h5'))).rejects.toThrow(
    'the layer dense has a weight of shape [2, 1], but the file has [3, 1] for it',
  );
});
