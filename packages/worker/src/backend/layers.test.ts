// Every layer of TFJS on every backend: outputs and gradients.
import { describe, expect, test } from 'vitest';
import { tf } from '@stillhouse/native/tfjs';
import { backends, runsOn, titleOf } from '../engine/engine.test.fixture.js';
import { MissingKernel } from './missing-kernel.js';
import { openBackend } from './open-backend.js';
import { withSeededRandom } from './seeded-random.js';

type Options = Readonly<Record<string, unknown>>;
const makers = tf.layers as unknown as Readonly<Record<string, (options: Options) => tf.layers.Layer>>;

interface Case {
  readonly kind: string;
  readonly options: Options;
  /** Of one row. */
  readonly shape: readonly number[];
  /** Tensors that the layer merges. */
  readonly inputs?: number;
  /** Inputs are indices below this. */
  readonly indices?: number;
  readonly make?: () => tf.layers.Layer;
}

const cases: Case[] = [];
const add = (
  kind: string,
  shape: readonly number[],
  options: Options = {},
  changes: readonly Options[] = [],
  more: Partial<Case> = {},
): void => {
  for (const change of [{}, ...changes]) cases.push({ kind, shape, options: { ...options, ...change }, ...more });
};

const sequence = [7, 4];
const image = [7, 6, 3];
const volume = [5, 6, 4, 2];
const activations = [
  'relu',
  'relu6',
  'sigmoid',
  'softplus',
  'softsign',
  'tanh',
  'softmax',
  'logSoftmax',
  'elu',
  'selu',
];
const others = ['gelu', 'gelu_new', 'swish', 'mish', 'linear', 'hardSigmoid'];
const named = [...activations, ...others].map((activation) => ({ activation }));
const channelsFirst = { dataFormat: 'channelsFirst' };

add('activation', [5, 6], { activation: 'relu' }, named);
add('dense', [6], { units: 4 }, [...named, { useBias: false }]);
add('dense', [2, 3, 6], { units: 4 }, [{ activation: 'softmax' }]);
const filters = { filters: 3, kernelSize: 3, biasInitializer: 'glorotNormal' };
const windows = [{ padding: 'same' }, { strides: 2 }, { strides: 2, padding: 'same' }, { kernelSize: 2, strides: 3 }];
const convolutions = [...windows, { activation: 'relu' }, { useBias: false }, { kernelSize: 1 }];
add('conv1d', sequence, filters, convolutions);
add('conv2d', image, filters, [...convolutions, channelsFirst]);
add('conv3d', volume, filters, convolutions);
add('conv2dTranspose', image, filters, [...convolutions, channelsFirst]);
add('separableConv2d', image, filters, [...convolutions, { depthMultiplier: 2 }]);
add('depthwiseConv2d', image, { kernelSize: 3 }, [...convolutions, { depthMultiplier: 2 }, channelsFirst]);
const pools = [
  { poolSize: 3 },
  { strides: 1 },
  { padding: 'same' },
  { poolSize: 3, strides: 1, padding: 'same' },
  { poolSize: 3, strides: 2, padding: 'same' },
  { strides: 3 },
];
for (const mode of ['max', 'average']) {
  add(`${mode}Pooling1d`, sequence, { poolSize: 2 }, pools);
  add(`${mode}Pooling2d`, image, { poolSize: 2 }, [...pools, channelsFirst]);
  add(`${mode}Pooling3d`, volume, { poolSize: 2 }, [...pools, channelsFirst]);
}
for (const mode of ['Max', 'Average']) {
  add(`global${mode}Pooling1d`, sequence);
  add(`global${mode}Pooling2d`, image, {}, [channelsFirst]);
}
const edges = [
  [1, 0],
  [2, 1],
];
add('cropping2D', image, { cropping: 1 }, [{ cropping: edges }, channelsFirst]);
add('zeroPadding2d', image, { padding: 1 }, [{ padding: edges }, channelsFirst]);
add('upSampling2d', image, { size: [2, 2] }, [{ size: [2, 3] }, { interpolation: 'bilinear' }, channelsFirst]);
add('flatten', image, {}, [channelsFirst]);
add('reshape', image, { targetShape: [14, 9] });
add('permute', image, { dims: [3, 1, 2] });
add('permute', [3, 4, 2, 2], { dims: [4, 2, 1, 3] });
add('repeatVector', [5], { n: 3 });
add('reLU', [6], {}, [{ maxValue: 0.5 }]);
add('leakyReLU', [6], {}, [{ alpha: 0.1 }]);
add('prelu', image, { alphaInitializer: 'randomNormal' }, [{ sharedAxes: [1, 2] }]);
add('elu', [6]);
add('softmax', [6]);
for (const shape of [[6], [4, 3], [4, 3, 5]]) {
  add('batchNormalization', shape, { betaInitializer: 'randomNormal' }, [{ epsilon: 0.1 }]);
  add('layerNormalization', shape, { betaInitializer: 'randomNormal' }, [{ epsilon: 0.1 }]);
}
add('layerNormalization', [4, 3], { axis: 1 }, [{ axis: [1, 2] }]);
for (const kind of ['add', 'multiply', 'average', 'maximum', 'minimum', 'concatenate'])
  add(kind, [4, 3], {}, [], { inputs: 3 });
add('concatenate', [4, 3], { axis: 1 }, [], { inputs: 2 });
add('dot', [4], { axes: 1 }, [{ normalize: true }], { inputs: 2 });
add('dot', [4, 4], { axes: [1, 2] }, [{ axes: [2, 1] }, { axes: 1 }, { axes: [2, 1], normalize: true }], { inputs: 2 });
const units = { units: 4, kernelInitializer: 'glorotNormal', recurrentInitializer: 'glorotNormal' };
const recurrent = [{ returnSequences: true }, { goBackwards: true }, { activation: 'relu' }, { useBias: false }];
const gated = [...recurrent, { recurrentActivation: 'sigmoid' }, { implementation: 2 }];
add('simpleRNN', [5, 3], units, recurrent);
add('lstm', [5, 3], units, gated);
add('gru', [5, 3], units, gated);
const steps = { filters: 2, kernelSize: 3, recurrentInitializer: 'glorotNormal' };
add('convLstm2d', [3, 6, 5, 2], steps, [{ padding: 'same' }, { strides: 2 }, { returnSequences: true }]);
for (const mergeMode of ['concat', 'sum', 'mul', 'ave'])
  add('bidirectional', [5, 3], { mergeMode }, [], {
    make: () => makers['bidirectional']({ layer: makers['gru'](units), mergeMode }),
  });
add('timeDistributed', [3, 6, 5, 2], {}, [], {
  make: () => makers['timeDistributed']({ layer: makers['conv2d'](filters) }),
});
add('embedding', [5], { inputDim: 7, outputDim: 3 }, [], { indices: 7 });
add('embedding, masked, before an lstm', [5], {}, [], {
  indices: 3,
  make: () =>
    tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: 7, outputDim: 3, maskZero: true, inputShape: [5] }),
        makers['lstm'](units),
      ],
    }),
});
for (const kind of ['dropout', 'alphaDropout', 'gaussianDropout']) add(kind, [4, 3], { rate: 0.3 });
add('spatialDropout1d', [4, 3], { rate: 0.3 });
add('gaussianNoise', [4, 3], { stddev: 0.3 });
add('rescaling', image, { scale: 0.5, offset: 1 });

const nameOf = ({ kind, options, shape }: Case): string =>
  `${kind} ${JSON.stringify(options)} of [${shape.join(', ')}]`;
const rows = 3;

interface Result {
  readonly outputs: Float32Array;
  readonly gradients: readonly Float32Array[];
  /** What a small step along each gradient's variable changes, and what the gradient says. */
  readonly steps: readonly { readonly found: number; readonly expected: number }[];
}

/** @param range of the inputs */
async function compute(of: Case, range: readonly [number, number], isReference: boolean): Promise<Result> {
  const draw = (shape: readonly number[]): tf.Tensor => tf.randomUniform([rows, ...shape], ...range);
  const { layer, inputs } = withSeededRandom([7], () => {
    const made = of.make?.() ?? makers[of.kind](of.options);
    const given = Array.from({ length: of.inputs ?? 1 }, () =>
      tf.variable(of.indices ? tf.floor(tf.randomUniform([rows, ...of.shape], 0, of.indices)) : draw(of.shape)),
    );
    made.apply(of.inputs ? given : given[0]);
    return { layer: made, inputs: given };
  });
  const forward = (training: boolean): tf.Tensor =>
    withSeededRandom([9], () => layer.apply(of.inputs ? inputs : inputs[0], { training }) as tf.Tensor);
  const outputs = forward(false);
  const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const variables = [...(of.indices ? [] : inputs), ...weights];
  const dy = tf.randomNormal(outputs.shape, 0, 1, 'float32', 5);
  const loss = (): tf.Scalar => tf.sum(tf.mul(forward(true), dy));
  const { grads } = tf.variableGrads(loss, variables);
  const gradients: Float32Array[] = [];
  const found: { found: number; expected: number }[] = [];
  for (const variable of variables) {
    const gradient = (await grads[variable.name].data()) as Float32Array;
    gradients.push(gradient);
    if (isReference) found.push(await stepAlong(variable, gradient, loss));
  }
  const result = { outputs: (await outputs.data()) as Float32Array, gradients, steps: found };
  tf.dispose([outputs, dy, grads, inputs]);
  return result;
}

/** The derivative along a direction by central differences, and by the gradient; relative to the gradient's length. */
async function stepAlong(
  variable: tf.Variable,
  gradient: Float32Array,
  loss: () => tf.Scalar,
): Promise<{ found: number; expected: number }> {
  const size = 2e-3;
  const direction = tf.randomNormal(variable.shape, 0, 1, 'float32', 6);
  const start = variable.clone();
  const lossAt = async (step: number): Promise<number> => {
    variable.assign(tf.add(start, tf.mul(direction, step)));
    return (await loss().data())[0];
  };
  const difference = (await lossAt(size)) - (await lossAt(-size));
  variable.assign(start);
  const along = ((await direction.data()) as Float32Array).reduce((sum, value, i) => sum + value * gradient[i], 0);
  const scale = Math.max(0.3, Math.hypot(...gradient));
  return { found: difference / (2 * size) / scale, expected: along / scale };
}

/** The largest difference, relative to the largest number. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [worst, scale] = [0, 1e-3];
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Number.isFinite(actual[i]) ? Math.abs(actual[i] - expected[i]) : Infinity);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return worst / scale;
}

/** Their gradients jump, so a step may cross an edge. */
const hasEdges = /relu|prelu|max|min|hardSigmoid/i;
/** Numbers of both signs, and negative ones only: a maximum may not be taken for 0. */
const ranges = [
  [-1, 1],
  [-3, -1],
] as const;
const references = new Map<string, Result>();

async function referenceOf(of: Case, range: readonly [number, number]): Promise<Result> {
  const key = `${nameOf(of)} ${range.join(' ')}`;
  const known = references.get(key);
  if (known) return known;
  const result = await compute(of, range, true);
  references.set(key, result);
  return result;
}

/** A kernel may be missing, which the probe before a run finds. */
function missing(error: unknown): MissingKernel {
  if (error instanceof MissingKernel) return error;
  throw error;
}

describe.each(backends)('%s', (backend) => {
  test.skipIf(!runsOn(backend, 'every layer of TFJS'))(
    titleOf(backend, 'every layer of TFJS has the outputs and gradients of cpu, whose gradients are slopes'),
    async () => {
      const wrong: Record<string, unknown>[] = [];
      const open = (name: typeof backend): Promise<unknown> =>
        openBackend(name, { threads: 1, probe: () => Promise.resolve() });
      for (const of of cases)
        for (const range of /max|min/.test(of.kind) ? ranges : [ranges[0]]) {
          await open('cpu');
          const expected = await referenceOf(of, range);
          await open(backend);
          const result = backend === 'cpu' ? expected : await compute(of, range, false).catch(missing);
          if (result instanceof MissingKernel) continue;
          const [outputs, ...gradients] = [
            difference(result.outputs, expected.outputs),
            ...result.gradients.map((gradient, i) => difference(gradient, expected.gradients[i])),
          ];
          const steps = hasEdges.test(nameOf(of))
            ? []
            : result.steps.filter((step) => Math.abs(step.found - step.expected) > 0.03);
          if (outputs > 1e-5 || gradients.some((each) => each > 1e-4) || steps.length > 0)
            wrong.push({ case: nameOf(of), range, outputs, gradients, steps });
        }
      expect(wrong).toEqual([]);
    },
    600_000,
  );
});
