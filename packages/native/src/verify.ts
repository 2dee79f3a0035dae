// A separate process that loads an engine from a folder, has it compute, and prints a description of it as JSON.
import { tf } from './tfjs.js';
import type { EngineKind } from './home.js';
import { isTensorflowOnGpu, loadTensorflow } from './load.js';
import { openOnnx } from './onnx.js';
import { onnxVersion } from './onnx-packages.js';
import { loadWebgpu } from './webgpu.js';

tf.enableProdMode();

/** max(x, 0) of rows of two numbers, in ONNX. */
const rectifier =
  '08083a370a0c0a0178120179220452656c751201675a110a0178120c0a0a0801' +
  '12060a000a02080262110a0179120c0a0a080112060a000a02080242040a00100d';

async function onnxWorks(folder: string): Promise<boolean> {
  const model = await openOnnx(Buffer.from(rectifier, 'hex'), 1, folder);
  const values = await (await model.run(tf.tensor2d([[-1, 2]]))).data();
  return values[0] === 0 && values[1] === 2;
}

/** Whether a backend learns exclusive or. */
async function trains(backend: string): Promise<boolean> {
  await tf.setBackend(backend);
  const x = tf.tensor2d([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const y = tf.tensor2d([[0], [1], [1], [0]]);
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 8, activation: 'tanh', inputShape: [2] }), tf.layers.dense({ units: 1 })],
  });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = tf.train.adam(0.1);
  let loss = Infinity;
  for (let step = 0; loss >= 0.01 && step < 300; step++) {
    const value = optimizer.minimize(
      () => tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor).asScalar(),
      true,
      variables,
    )!;
    loss = (await value.data())[0];
    value.dispose();
  }
  // Int32 inputs take another path through the binding (and a function of node:util that Node 23 removed).
  const classes = await tf.oneHot(tf.tensor1d([1, 0], 'int32'), 2).data();
  return loss < 0.01 && classes[1] === 1 && classes[2] === 1;
}

interface Tried {
  readonly fingerprint: string;
  readonly isOnGpu: boolean;
  readonly works: boolean;
}

const engines: Readonly<Record<EngineKind, (folder: string) => Promise<Tried>>> = {
  tensorflow: async (folder) => ({
    fingerprint: loadTensorflow({ threads: 1 }, folder),
    isOnGpu: isTensorflowOnGpu(),
    works: await trains('tensorflow'),
  }),
  webgpu: async (folder) => {
    const { fingerprint, isSoftware } = await loadWebgpu(folder);
    return { fingerprint, isOnGpu: !isSoftware, works: await trains('webgpu') };
  },
  onnx: async (folder) => ({
    fingerprint: `onnxruntime ${onnxVersion}`,
    isOnGpu: false,
    works: await onnxWorks(folder),
  }),
};

const [kind, folder] = process.argv.slice(2) as [EngineKind, string];
const tried = await engines[kind](folder);
process.stdout.write(JSON.stringify(tried));
process.exit(tried.works ? 0 : 1);
