// One contestant: per line on standard input, trains some steps and prints the median milliseconds per step.
//   node stillhouse.mjs MODEL traced|eager|fit [BACKEND]
// fit is what a user of TFJS writes, on the backend as TFJS ships it.
import { createInterface } from 'node:readline';
import { loadTensorflow } from '@stillhouse/native/engines';
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { batchOf, engineStep, median, modelNamed } from './engine-step.mjs';

const [name, how, backend = 'tensorflow'] = process.argv.slice(2);
const spec = modelNamed(name);
const { batch, input, outputs, loss, layers, module, steps } = spec;
const isClasses = loss === 'softmaxCrossEntropy';

async function fitModel() {
  if (module) return (await import(new URL(module, import.meta.url))).default({ tf, inputShape: input, outputs });
  const model = tf.sequential();
  const inputShape = () => (model.layers.length ? undefined : input);
  const make = {
    dense: (layer) => tf.layers.dense({ units: layer.dense, activation: layer.activation, inputShape: inputShape() }),
    conv2d: (layer) =>
      tf.layers.conv2d({
        filters: layer.conv2d,
        kernelSize: layer.kernel,
        activation: layer.activation,
        inputShape: inputShape(),
      }),
    maxPooling2d: (layer) => tf.layers.maxPooling2d({ poolSize: layer.maxPooling2d }),
    flatten: () => tf.layers.flatten(),
  };
  for (const layer of layers) model.add(make[typeof layer === 'string' ? layer : Object.keys(layer)[0]](layer));
  return model;
}

async function fitStep() {
  tf.enableProdMode();
  if (backend === 'tensorflow') loadTensorflow({ threads: 1 });
  else setThreadsCount(1);
  await tf.setBackend(backend);
  const model = await fitModel();
  const { x, y } = batchOf(spec);
  model.compile({
    optimizer: tf.train.adam(0.001),
    loss: isClasses ? (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits) : 'meanSquaredError',
  });
  const inputs = tf.tensor(x, [batch, ...input]);
  const labels = isClasses ? tf.oneHot(tf.tensor1d(y, 'int32'), outputs) : tf.tensor2d(y, [batch, 1]);
  return () => model.fit(inputs, labels, { batchSize: batch, epochs: 1, shuffle: false, verbose: 0 });
}

const once = how === 'fit' ? await fitStep() : (await engineStep(spec, { backend, trace: how === 'traced' })).once;
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
