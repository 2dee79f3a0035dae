// A process of its own that loads the engine of a kind from a folder, trains a small model, and prints what it is as JSON.
import * as tf from '@tensorflow/tfjs';
import { loadTensorflow } from './load.js';
import { loadWebgpu } from './webgpu.js';

tf.enableProdMode();
const [kind, folder] = process.argv.slice(2);
const fingerprint = kind === 'webgpu' ? (await loadWebgpu(folder)).fingerprint : loadTensorflow(1, folder);
await tf.setBackend(kind);
const x = tf.tensor2d([[0, 0], [0, 1], [1, 0], [1, 1]]);
const y = tf.tensor2d([[0], [1], [1], [0]]);
const model = tf.sequential({ layers: [tf.layers.dense({ units: 8, activation: 'tanh', inputShape: [2] }), tf.layers.dense({ units: 1 })] });
const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
const optimizer = tf.train.adam(0.05);
let loss = Infinity;
for (let step = 0; step < 300; step++) {
  const value = optimizer.minimize(() => tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor).asScalar(), true, variables)!;
  loss = (await value.data())[0];
  value.dispose();
}
// Int32 inputs take another path through the binding (and a function of node:util that Node 23 dropped).
const classes = await tf.oneHot(tf.tensor1d([1, 0], 'int32'), 2).data();
process.stdout.write(JSON.stringify({ fingerprint, loss, oneHot: [...classes] }));
process.exit(loss < 0.01 && classes[1] === 1 && classes[2] === 1 ? 0 : 1);
