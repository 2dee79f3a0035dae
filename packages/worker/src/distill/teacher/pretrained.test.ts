import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { bytesOf, parseRecipe, type Job } from '@stillhouse/core';
import { openPretrained } from './pretrained.js';

beforeAll(() => tf.setBackend('cpu'));

const recipe = parseRecipe({
  name: 'small',
  data: {
    large: { generator: 'friedman1', rows: 8 },
    small: { generator: 'friedman1', rows: 8 },
    split: { test: 0.5 },
  },
  loss: 'softmaxCrossEntropy',
  teacher: { pretrained: 'model.json', validation: 0 },
  student: { model: { layers: [{ dense: 3 }] }, epochs: 1, batch: 8 },
  distill: {},
});

/** Outputs of a model as a pretrained teacher, for the row [1, 2]. */
async function outputsOf(model: tf.LayersModel): Promise<number[]> {
  const weights = model.weights.map((weight) => ({
    name: weight.originalName,
    shape: weight.shape as number[],
    dtype: 'float32',
  }));
  const files: Record<string, Uint8Array> = {
    model: Buffer.from(
      JSON.stringify({ modelTopology: model.toJSON(undefined, false), weightsManifest: [{ paths: [], weights }] }),
    ),
    weights: Buffer.concat(model.weights.map((weight) => bytesOf(weight.read().dataSync() as Float32Array))),
  };
  const job = {
    recipe,
    dataset: { inputShape: [2], outputs: 3 },
    assets: {
      teachers: [
        { path: 'model.json', format: 'layers', files: Object.keys(files).map((name) => ({ name, hash: name })) },
      ],
    },
  } as unknown as Job;
  const { predict } = await openPretrained(job, { pretrained: 'model.json', outputs: 'auto', validation: 0 }, (hash) =>
    Promise.resolve(files[hash]),
  );
  return [...(await predict(Float32Array.of(1, 2), [1, 2]))];
}

const dense = (activation: 'softmax' | 'linear'): tf.layers.Layer =>
  tf.layers.dense({ units: 3, activation, inputShape: [2], kernelInitializer: 'ones', biasInitializer: 'ones' });
const logOfThird = expect.closeTo(Math.log(1 / 3), 5) as unknown;

test('probabilities become logits: of a model within, and before layers that hand them on', async () => {
  const head = tf.sequential({ layers: [dense('softmax'), tf.layers.dropout({ rate: 0.5 })] });
  const input = tf.input({ shape: [2] });
  expect(await outputsOf(tf.model({ inputs: input, outputs: head.apply(input) as tf.SymbolicTensor }))).toEqual(
    Array(3).fill(logOfThird),
  );
});

test('of an average of models, by the answer to zeros', async () => {
  const input = tf.input({ shape: [2] });
  const parts = [dense('softmax'), dense('softmax')].map((layer) => layer.apply(input) as tf.SymbolicTensor);
  const outputs = tf.layers.average().apply(parts) as tf.SymbolicTensor;
  expect(await outputsOf(tf.model({ inputs: input, outputs }))).toEqual(Array(3).fill(logOfThird));
});

test('logits stay as they are', async () => {
  expect(await outputsOf(tf.sequential({ layers: [dense('linear')] }))).toEqual([4, 4, 4]);
});

test('a model of two outputs is refused', async () => {
  const input = tf.input({ shape: [2] });
  const outputs = [dense('linear'), dense('linear')].map((layer) => layer.apply(input) as tf.SymbolicTensor);
  await expect(outputsOf(tf.model({ inputs: input, outputs }))).rejects.toThrow(
    /^the teacher model.json cannot be loaded: it has 1 \(.*\) inputs and 2 \(.*\) outputs; exactly one of each/,
  );
});
