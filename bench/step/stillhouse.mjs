// One contestant: for each line on standard input, trains some steps and prints the median milliseconds of one.
//   node stillhouse.mjs MODEL traced|eager|fit [BACKEND]
// fit is what a user of TFJS writes, on the backend as TFJS ships it.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseRecipe, phaseOf } from '@stillhouse/core';
import { cutBlocks } from '@stillhouse/datasets';
import { loadTensorflow } from '@stillhouse/native';
import { tfjsEngine } from '@stillhouse/worker';
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';

const [name, how, backend = 'tensorflow'] = process.argv.slice(2);
const file = (path) => new URL(path, import.meta.url);
const spec = JSON.parse(readFileSync(file('models.json'), 'utf8'))[name];
const { batch, input, outputs, loss, layers, module, steps } = spec;
const width = input.reduce((product, size) => product * size, 1);
const isClasses = loss === 'softmaxCrossEntropy';
const x = Float32Array.from({ length: batch * width }, (_, i) => Math.sin(i) * 0.5);
const y = Float32Array.from({ length: batch }, (_, i) => (isClasses ? i % outputs : Math.sin(i)));

/** A step of Stillhouse's engine, on a worker with one rank. */
async function stillhouseStep() {
  const source = { generator: 'noise', rows: 1 };
  const recipe = parseRecipe({ ranks: 1, loss, data: { large: source, test: source }, teacher: { model: module ? { module } : { layers }, batch, optimizer: { name: 'adam' } } });
  const blocks = new Map();
  const large = cutBlocks({ rowCount: batch, inputs: x, labels: y }, { inputShape: input, labelCount: 1 }, blocks);
  const dataset = { inputShape: input, dtype: 'F32', scale: 1, outputs, labelCount: 1, targets: [], sets: { large, test: large } };
  const job = { runId: 'bench', recipe, dataset, assets: module ? { teacher: readFileSync(file(module), 'utf8') } : {} };
  const engine = await tfjsEngine(backend, { trace: how === 'traced', tell: console.error })(job, async (hash) => blocks.get(hash));
  const { sum } = await engine.prepare(phaseOf(job, 'teacher'));
  const ranks = [{ rank: 0, rows: Array.from({ length: batch }, (_, i) => i) }];
  let step = 0;
  return async () => {
    const [gradient] = await engine.compute({ type: 'compute', step, epoch: 0, batch, subtrees: [{ lo: 0, hi: 1 }], ranks, set: 'large' });
    if (gradient !== sum) sum.set(gradient);
    await engine.apply(step++, 0.001);
  };
}

async function fitModel() {
  if (module) return (await import(file(module))).default({ tf, inputShape: input, outputs });
  const model = tf.sequential();
  const inputShape = () => (model.layers.length ? undefined : input);
  const make = {
    dense: (layer) => tf.layers.dense({ units: layer.dense, activation: layer.activation, inputShape: inputShape() }),
    conv2d: (layer) => tf.layers.conv2d({ filters: layer.conv2d, kernelSize: layer.kernel, activation: layer.activation, inputShape: inputShape() }),
    maxPooling2d: (layer) => tf.layers.maxPooling2d({ poolSize: layer.maxPooling2d }),
    flatten: () => tf.layers.flatten(),
  };
  for (const layer of layers) model.add(make[typeof layer === 'string' ? layer : Object.keys(layer)[0]](layer));
  return model;
}

async function fitStep() {
  tf.enableProdMode();
  if (backend === 'tensorflow') loadTensorflow(1);
  else setThreadsCount(1);
  await tf.setBackend(backend);
  const model = await fitModel();
  model.compile({ optimizer: tf.train.adam(0.001), loss: isClasses ? (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits) : 'meanSquaredError' });
  const inputs = tf.tensor(x, [batch, ...input]);
  const labels = isClasses ? tf.oneHot(tf.tensor1d(y, 'int32'), outputs) : tf.tensor2d(y, [batch, 1]);
  return () => model.fit(inputs, labels, { batchSize: batch, epochs: 1, shuffle: false, verbose: 0 });
}

const once = await (how === 'fit' ? fitStep() : stillhouseStep());
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
for (let i = 0; i < 3; i++) await once();
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') break;
  const times = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  console.log(median(times));
}
process.exit();
