import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { bytesOf } from '@stillhouse/core';
import { loadConverted, loadKeras } from './model.js';

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

/** A stored zip archive. @param sizes what it declares that the files unpack to */
function archiveOf(files: Readonly<Record<string, Uint8Array>>, sizes: Readonly<Record<string, number>>): Buffer {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(sizes[name] ?? bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from('PK\x03\x04'), common, Buffer.from(name), Buffer.from(bytes));
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    // DEFLATE, so that the sizes may differ.
    common.writeUInt16LE(sizes[name] === undefined ? 0 : 8, 4);
    entries.push(Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name));
    offset += 30 + name.length + bytes.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, directory, Buffer.from('PK\x05\x06'), end]);
}

test.each([
  ['config.json', 2 ** 27],
  ['model.weights.h5', 2 ** 31],
])('an archive whose %s unpacks to a multiple of memory is refused before it is unpacked', async (name, size) => {
  const files = { 'config.json': Buffer.from('{}'), 'model.weights.h5': Buffer.alloc(8) };
  await expect(loadKeras(archiveOf(files, { [name]: size }))).rejects.toThrow(`its ${name} unpacks to ${size} bytes`);
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
