import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { modelFiles } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { FlatModel, flatSizes } from '../flat/model.js';
import { exportModel, loadModel } from './model-file.js';
import { buildModel, type ModelSpec } from './model.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const specOf = (spec: Partial<ModelSpec>): ModelSpec => ({
  part: 'teacher',
  config: { layers: [{ dense: 3, activation: 'relu' }, { dense: 1 }] },
  asset: undefined,
  inputShape: [4],
  outputs: 1,
  loss: lossOf('mse'),
  seed: 7,
  ...spec,
});
const flatOf = (model: tf.LayersModel): Promise<FlatModel> =>
  FlatModel.of(model, { parameters: new Float32Array(flatSizes(model).parameterCount) });
const weightsOf = async (model: tf.LayersModel): Promise<number[]> => [...(await flatOf(model)).parameters];

const moduleSource =
  'export default ({ tf, inputShape, outputs }) => tf.sequential({ layers: [tf.layers.dense({ units: outputs, ' +
  'inputShape })] });';
const moduleSpec = (asset: string): ModelSpec => specOf({ config: { module: 'model.mjs', export: 'default' }, asset });

test('start weights are a function of the seed, whichever way a model is written', async () => {
  const topology = JSON.stringify((await buildModel(specOf({}))).toJSON(undefined, false));
  for (const spec of [
    specOf({}),
    specOf({ config: { topology: 'model.json' }, asset: topology }),
    specOf({ config: { topology: 'model.json' }, asset: JSON.stringify({ modelTopology: JSON.parse(topology) }) }),
    moduleSpec(moduleSource),
  ]) {
    const first = await weightsOf(await buildModel(spec));
    expect(await weightsOf(await buildModel(spec))).toEqual(first);
    expect(await weightsOf(await buildModel({ ...spec, seed: 8 }))).not.toEqual(first);
  }
});

test('the draw of start weights leaves Math.random as it was', async () => {
  const random = Math.random;
  await buildModel(specOf({}));
  await expect(buildModel(moduleSpec('export default () => { throw new Error("no"); }'))).rejects.toThrow();
  expect(Math.random).toBe(random);
});

test.each([
  [
    'a model that takes other inputs',
    specOf({ config: { topology: 'm' }, asset: undefined, inputShape: [4] }),
    'MODEL_INVALID',
  ],
  ['an output of another size', specOf({ outputs: 2 }), 'MODEL_SHAPE'],
  ['an image without flatten', specOf({ inputShape: [4, 4, 1] }), 'MODEL_SHAPE'],
  [
    'a kernel larger than the image',
    specOf({ inputShape: [4, 4, 1], config: { layers: [{ conv2d: 2, kernel: 9 }, 'flatten', { dense: 1 }] } }),
    'MODEL_',
  ],
  [
    'a softmax before a loss that takes logits',
    specOf({
      loss: lossOf('softmaxCrossEntropy'),
      outputs: 2,
      config: { layers: [{ dense: 2, activation: 'softmax' }] },
    }),
    'MODEL_INVALID',
  ],
  ['nothing to train', specOf({ inputShape: [1], config: { layers: ['flatten'] } }), 'MODEL_INVALID'],
  ['a module that is no JavaScript', moduleSpec('export default ('), 'MODEL_MODULE'],
  ['a module without the export', moduleSpec('export const other = 1;'), 'MODEL_MODULE'],
  ['a module that returns something else', moduleSpec('export default () => 3;'), 'MODEL_MODULE'],
  [
    'a layer with a state',
    moduleSpec(
      'export default ({ tf, inputShape, outputs }) => tf.sequential({ layers: [tf.layers.reshape({ targetShape: [2, ' +
        '2], batchInputShape: [1, ...inputShape] }), tf.layers.lstm({ units: 3, stateful: true }), tf.layers.dense({ ' +
        'units: outputs })] });',
    ),
    'MODEL_INVALID',
  ],
  ['an asynchronous module', moduleSpec('export default async () => 3;'), 'MODEL_MODULE'],
] as const)('%s is refused with one sentence', async (_, spec, code) => {
  await expect(buildModel({ ...spec, asset: spec.asset ?? '{}' })).rejects.toMatchObject({
    code: expect.stringContaining(code),
    message: expect.stringMatching(/^.+$/),
  });
});

test('an error in the short list names the layer', async () => {
  await expect(
    buildModel(specOf({ config: { layers: [{ dense: 4 }, { conv2d: 2, kernel: 3 }] } })),
  ).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringContaining('teacher.model.layers[1] (conv2d)'),
  });
});

test('a model comes back from its files with the same outputs', async () => {
  const model = await buildModel(
    specOf({
      inputShape: [6, 6, 1],
      config: { layers: [{ conv2d: 2, kernel: 3 }, 'batchNormalization', 'flatten', { dense: 1 }] },
    }),
  );
  const files = modelFiles(await exportModel(await flatOf(model)), { stillhouse: { loss: lossOf('mse') } });
  const again = await loadModel(files.json, files.weights);
  const x = tf.randomUniform([3, 6, 6, 1]);
  expect([...(again.predict(x) as tf.Tensor).dataSync()]).toEqual([...(model.predict(x) as tf.Tensor).dataSync()]);
});

test('a model of sequences comes back from its files, where two layers may be of one kind', async () => {
  const model = await buildModel(
    specOf({
      config: {
        layers: [
          { embedding: 3, inputDim: 5 },
          { bidirectional: { lstm: 2, returnSequences: true } },
          { bidirectional: { lstm: 2, returnSequences: true }, merge: 'ave' },
          { gru: 2, returnSequences: true },
          { simpleRnn: 3 },
          { dense: 1 },
        ],
      },
    }),
  );
  const files = modelFiles(await exportModel(await flatOf(model)), { stillhouse: { loss: lossOf('mse') } });
  const again = await loadModel(files.json, files.weights);
  const x = tf.tensor2d([0, 1, 2, 4], [1, 4]);
  expect([...(again.predict(x) as tf.Tensor).dataSync()]).toEqual([...(model.predict(x) as tf.Tensor).dataSync()]);
});

test.each([
  ['wide', { lstm: 5 }, [5, 20]],
  ['square', { simpleRnn: 6 }, [6, 6]],
] as const)('the start weights of states are orthogonal, and follow from the seed: %s', async (_, layer, shape) => {
  const kernelOf = async (seed: number): Promise<tf.Tensor2D> => {
    const model = await buildModel(specOf({ seed, inputShape: [3, 2], config: { layers: [layer, { dense: 1 }] } }));
    return model.layers[0].getWeights()[1] as tf.Tensor2D;
  };
  const kernel = await kernelOf(1);
  expect(kernel.shape).toEqual(shape);
  const products = tf
    .sub(tf.matMul(kernel, kernel, false, true), tf.eye(shape[0]))
    .abs()
    .max()
    .dataSync()[0];
  expect(products).toBeLessThan(1e-6);
  expect((await kernelOf(1)).dataSync()).toEqual(kernel.dataSync());
  expect((await kernelOf(2)).dataSync()).not.toEqual(kernel.dataSync());
});

test('constrained weights come back constrained', async () => {
  const asset =
    'export default ({ tf, inputShape }) => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape, ' +
    'kernelConstraint: tf.constraints.maxNorm({ maxValue: 0.1 }) })] });';
  const flat = await flatOf(await buildModel(moduleSpec(asset)));
  flat.parameters.fill(5);
  await flat.changed();
  expect(Math.hypot(...flat.parameters.subarray(0, 4))).toBeCloseTo(0.1, 3);
});

test.each([
  ['too few', (data: Uint8Array) => data.subarray(4), 'its weights take 76 bytes, and there are 72'],
  ['too many', (data: Uint8Array) => Buffer.concat([data, data]), 'its weights take 76 bytes, and there are 152'],
])('a stored model with %s bytes of weights is refused', async (_, change, message) => {
  const model = await buildModel(specOf({}));
  const stored = modelFiles(await exportModel(await flatOf(model)), {});
  await expect(loadModel(stored.json, stored.weights)).resolves.toBeDefined();
  await expect(async () => loadModel(stored.json, change(stored.weights))).rejects.toThrow(message);
});
