// The engine on real models: data-parallel gradients against TFJS's own, noise, normalisation, repeatability, memory.
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { tf } from '@stillhouse/native/tfjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytesOf, hashName, hashWords, phaseOf, phaseSeed, type LayerConfig } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { lossesOf } from '@stillhouse/core/cluster';
import type { Engine } from './engine.js';
import {
  allRows,
  engines,
  engineGradient,
  evaluate,
  expectClose,
  hasNative,
  orderOf,
  rankRowsOf,
  rowCount,
  runsOn,
  setUp,
  skipped,
  sumsOf,
  titleOf,
  usable,
  type Case,
  type Setup,
} from './engine.test.fixture.js';
import { buildModel } from '../model/model.js';
import { withSeededRandom } from '../backend/seeded-random.js';
import { tfjsEngine } from './tfjs-engine.js';

/** TFJS's own gradient of the whole batch, flat, and the loss. */
async function wholeGradient({
  job,
  phase,
  x,
  y,
}: Setup): Promise<{ gradient: number[]; loss: number; model: tf.LayersModel }> {
  const { inputShape, outputs, labelCount } = job.dataset;
  const model = await buildModel({
    part: 'teacher',
    config: phase.config.model,
    asset: undefined,
    inputShape,
    outputs,
    loss: lossOf(phase.loss),
    seed: hashWords(phaseSeed(job.recipe, 'teacher'), hashName('start weights')),
  });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const inputs = tf.tensor(x, [rowCount, ...inputShape]);
  const { value, grads } = withSeededRandom([phase.schedule.seed, hashName('noise'), 0, 0, 0], () =>
    tf.variableGrads(
      () =>
        tf.mean(
          lossOf(phase.loss).hard({
            tf,
            outputs: model.apply(inputs, { training: true }) as tf.Tensor2D,
            labels: tf.tensor2d(y, [rowCount, labelCount]),
            temperature: 1,
          }) as tf.Tensor,
        ),
      variables,
    ),
  );
  return {
    gradient: variables.flatMap((variable) => [...grads[variable.name].dataSync()]),
    loss: value.dataSync()[0],
    model,
  };
}

afterEach(() => {
  vi.unstubAllEnvs();
  tf.disposeVariables();
});

type Activation = NonNullable<Extract<LayerConfig, { dense: number }>['activation']>;
/** Typed so that none is left out. */
const activations: Readonly<Record<Activation, true>> = {
  linear: true,
  relu: true,
  relu6: true,
  elu: true,
  selu: true,
  gelu: true,
  sigmoid: true,
  tanh: true,
  softplus: true,
  softsign: true,
  swish: true,
  mish: true,
  softmax: true,
};

const image = [6, 6, 2];
const head: LayerConfig[] = ['flatten', { dense: 1 }];
const sequence = [6, 3];
const sequences: Record<string, Case> = {
  conv1d: { layers: [{ conv1d: 3, kernel: 3, activation: 'relu' }, ...head], inputShape: sequence },
  'conv1d, strides and same padding': {
    layers: [{ conv1d: 3, kernel: 2, strides: 2, padding: 'same' }, { conv1d: 2, kernel: 2, bias: false }, ...head],
    inputShape: sequence,
  },
  maxPooling1d: { layers: [{ conv1d: 3, kernel: 2 }, { maxPooling1d: 2 }, ...head], inputShape: sequence },
  averagePooling1d: {
    layers: [{ conv1d: 3, kernel: 2 }, { averagePooling1d: 2, strides: 1, padding: 'same' }, ...head],
    inputShape: sequence,
  },
  globalMaxPooling1d: {
    layers: [{ conv1d: 3, kernel: 2 }, 'globalMaxPooling1d', { dense: 1 }],
    inputShape: sequence,
  },
  globalAveragePooling1d: {
    layers: [{ conv1d: 3, kernel: 2 }, 'globalAveragePooling1d', { dense: 1 }],
    inputShape: sequence,
  },
  lstm: { layers: [{ lstm: 4 }, { dense: 1 }], inputShape: sequence },
  'lstm, whole sequences': { layers: [{ lstm: 4, returnSequences: true }, ...head], inputShape: sequence },
  gru: { layers: [{ gru: 4 }, { dense: 1 }], inputShape: sequence },
  simpleRnn: { layers: [{ simpleRnn: 4 }, { dense: 1 }], inputShape: sequence },
  embedding: { layers: [{ embedding: 3, inputDim: 7 }, ...head], inputShape: [5], indices: 7 },
  'embedding of a grid': {
    layers: ['flatten', { embedding: 3, inputDim: 7 }, 'globalAveragePooling1d', { dense: 1 }],
    inputShape: [2, 3],
    indices: 7,
  },
  'embedding, bidirectional lstm and gru': {
    layers: [
      { embedding: 3, inputDim: 7 },
      { bidirectional: { lstm: 3, returnSequences: true } },
      { bidirectional: { gru: 2 }, merge: 'sum' },
      { dense: 1 },
    ],
    inputShape: [5],
    indices: 7,
  },
};
const perLayer: Record<string, Case> = {
  ...Object.fromEntries(
    Object.keys(activations).map((activation) => [
      `dense, ${activation}`,
      { layers: [{ dense: 7, activation: activation as Activation }, { dense: 1 }], inputShape: [10] },
    ]),
  ),
  'dense without bias': { layers: [{ dense: 7, bias: false }, { dense: 1 }], inputShape: [10] },
  conv2d: { layers: [{ conv2d: 3, kernel: 3, activation: 'relu' }, ...head], inputShape: image },
  'conv2d, strides and same padding': {
    layers: [{ conv2d: 3, kernel: [3, 2], strides: 2, padding: 'same' }, ...head],
    inputShape: image,
  },
  'conv2d, larger strides, on what is left over': {
    layers: [{ conv2d: 3, kernel: 2, strides: [3, 2] }, { conv2d: 2, kernel: [2, 1], padding: 'same' }, ...head],
    inputShape: [9, 6, 2],
  },
  depthwiseConv2d: { layers: [{ depthwiseConv2d: 3 }, ...head], inputShape: image },
  'depthwiseConv2d between convolutions, strides and same padding': {
    layers: [
      { conv2d: 3, kernel: 2 },
      { depthwiseConv2d: [3, 2], strides: 2, padding: 'same' },
      { depthwiseConv2d: 2 },
      ...head,
    ],
    inputShape: [9, 8, 2],
  },
  'depthwiseConv2d, strides on what is left over': {
    layers: [{ conv2d: 3, kernel: 2 }, { depthwiseConv2d: 2, strides: 3 }, ...head],
    inputShape: [9, 8, 2],
  },
  maxPooling2d: { layers: [{ conv2d: 3, kernel: 3 }, { maxPooling2d: 2 }, ...head], inputShape: image },
  'maxPooling2d of negative numbers, overlapping': {
    layers: [
      { conv2d: 3, kernel: 3, activation: 'linear' },
      { activation: 'sigmoid' },
      { conv2d: 2, kernel: 1 },
      { maxPooling2d: 3, strides: 1, padding: 'same' },
      ...head,
    ],
    inputShape: image,
  },
  averagePooling2d: { layers: [{ conv2d: 3, kernel: 3 }, { averagePooling2d: 2 }, ...head], inputShape: image },
  'averagePooling2d, same padding': {
    layers: [{ conv2d: 3, kernel: 2 }, { averagePooling2d: [2, 3], strides: 1, padding: 'same' }, ...head],
    inputShape: image,
  },
  globalAveragePooling2d: {
    layers: [{ conv2d: 3, kernel: 3 }, 'globalAveragePooling2d', { dense: 1 }],
    inputShape: image,
  },
  globalMaxPooling2d: {
    layers: [{ conv2d: 3, kernel: 3 }, 'globalMaxPooling2d', { dense: 1 }],
    inputShape: image,
  },
  ...sequences,
  layerNormalization: { layers: [{ dense: 7 }, 'layerNormalization', { dense: 1 }], inputShape: [10] },
  'activation and reshape': {
    layers: [{ dense: 6 }, { activation: 'tanh' }, { reshape: [3, 2] }, ...head],
    inputShape: [10],
  },
  mae: { layers: [{ dense: 3, activation: 'relu' }, { dense: 1 }], inputShape: [10], loss: 'mae' },
  huber: { layers: [{ dense: 3, activation: 'relu' }, { dense: 1 }], inputShape: [10], loss: 'huber' },
  gaussian: {
    layers: [{ dense: 3, activation: 'relu' }, { dense: 4 }],
    inputShape: [10],
    loss: 'gaussian',
    outputs: 4,
  },
  softmaxCrossEntropy: {
    layers: [{ dense: 3, activation: 'relu' }, { dense: 4 }],
    inputShape: [10],
    loss: 'softmaxCrossEntropy',
    outputs: 4,
  },
  binaryCrossEntropy: {
    layers: [{ dense: 3, activation: 'relu' }, { dense: 2 }],
    inputShape: [10],
    loss: 'binaryCrossEntropy',
    outputs: 2,
  },
};

describe.each(engines)('%s', (backend) => {
  for (const [name, it] of Object.entries(perLayer))
    test.skipIf(!runsOn(backend, name))(
      `outputs, loss and data-parallel gradient equal TFJS’s of the whole batch on cpu within fp32 rounding: ` +
        titleOf(backend, name),
      async () => {
        const setup = await setUp({ ...it, backend });
        const { layout } = await setup.engine.build(setup.phase, undefined);
        const sum = await engineGradient(setup);
        // The same bits again: a rank's gradient repeats on a backend.
        expect(await engineGradient(setup)).toEqual(sum);
        const evaluated = await evaluate(setup);
        await tf.setBackend('cpu');
        const { gradient, loss } = await wholeGradient(setup);
        const onCpu = await setUp(it);
        await onCpu.engine.build(onCpu.phase, undefined);
        expectClose(evaluated, [...(await evaluate(onCpu))]);
        expectClose(sum.subarray(0, layout.gradients), gradient);
        expect(sum.subarray(layout.gradients).reduce((total, value) => total + value, 0)).toBeCloseTo(loss, 4);
      },
    );
});

describe('a recorded step on tensorflow', () => {
  const noisy: Record<string, Case> = {
    dropout: { layers: [{ dense: 7, activation: 'relu' }, { dropout: 0.4 }, { dense: 1 }], inputShape: [10] },
    gaussianNoise: { layers: [{ dense: 7 }, { gaussianNoise: 0.2 }, { dense: 1 }], inputShape: [10] },
    'dropout in a model with regularisers': {
      layers: [{ dense: 1 }],
      inputShape: [10],
      asset:
        'export default ({ tf, inputShape, outputs }) => tf.sequential({ layers: [tf.layers.dense({ units: 7, ' +
        'inputShape, kernelRegularizer: "l1l2" }), tf.layers.dropout({ rate: 0.4 }), tf.layers.dense({ units: ' +
        'outputs, kernelRegularizer: "l1l2" })] });',
    },
    'dropout between convolutions': {
      layers: [{ conv2d: 3, kernel: 3, activation: 'relu' }, { dropout: 0.4 }, { conv2d: 2, kernel: 2 }, ...head],
      inputShape: image,
    },
  };
  const batchNormalization: Case = {
    layers: [{ dense: 4 }, 'batchNormalization', { dropout: 0.2 }, { dense: 1 }],
    inputShape: [10],
  };

  /** The sums of two steps, recorded in host memory and on the device, and eager. */
  async function all(it: Case): Promise<{ traced: Float32Array[][]; eager: Float32Array[]; reports: string[] }> {
    const reports: string[] = [];
    const steps = async (backend: 'tensorflow' | 'device', trace: boolean): Promise<Float32Array[]> => {
      const setup = await setUp({
        ...it,
        backend,
        options: { trace, report: (text) => reports.push(text) },
      });
      await setup.engine.build(setup.phase, undefined);
      return [await engineGradient(setup, 0), await engineGradient(setup, 1)];
    };
    return {
      traced: [await steps('tensorflow', true), await steps('device', true)],
      eager: await steps('tensorflow', false),
      reports: reports.filter((text) => text.includes('eager')),
    };
  }

  test.skipIf(!hasNative).each(Object.entries({ ...perLayer, ...noisy, batchNormalization }))(
    `gives the bits of an eager one: %s (${skipped})`,
    async (_name, it) => {
      const { traced, eager, reports } = await all(it);
      expect(reports).toEqual([]);
      expect(traced).toEqual([eager, eager]);
    },
  );

  test.skipIf(!hasNative)(
    `falls back, saying why once, if a model reads values in the middle of a step (${skipped})`,
    async () => {
      const reports: string[] = [];
      const asset = `export default ({ tf, inputShape, outputs }) => {
      class Peek extends tf.layers.Layer {
        call(inputs) {
          const x = Array.isArray(inputs) ? inputs[0] : inputs;
          return tf.mul(x, x.abs().max().dataSync()[0] > 0 ? 1 : 2);
        }
        static get className() { return 'Peek'; }
      }
      return tf.sequential({
        layers: [tf.layers.dense({ units: 3, inputShape }), new Peek({}), tf.layers.dense({ units: outputs })],
      });
    };`;
      const setup = await setUp({
        layers: [{ dense: 1 }],
        inputShape: [10],
        backend: 'tensorflow',
        asset,
        options: { report: (text) => reports.push(text) },
      });
      await setup.engine.build(setup.phase, undefined);
      const first = await engineGradient(setup);
      expect(await engineGradient(setup)).toEqual(first);
      expect(reports.filter((text) => text.includes('eager'))).toEqual([
        'teacher: steps stay eager: the model reads a value in the middle of a step',
      ]);
    },
  );
});

test('noise depends on seed, epoch, step and rank: one rank gives TFJS’s gradient under the same draw', async () => {
  for (const noise of [{ dropout: 0.5 }, { gaussianNoise: 0.3 }] as LayerConfig[]) {
    const setup = await setUp({ layers: [{ dense: 8 }, noise, { dense: 1 }], inputShape: [10], ranks: 1 });
    const { layout } = await setup.engine.build(setup.phase, undefined);
    const sum = await engineGradient(setup);
    expectClose(sum.subarray(0, layout.gradients), (await wholeGradient(setup)).gradient);
    expect(await engineGradient(setup)).toEqual(sum);
    expect(await engineGradient(setup, 1)).not.toEqual(sum);
  }
});

test('batch normalisation takes each rank’s statistics; moving averages are the weighted mean over ranks', async () => {
  const layers: LayerConfig[] = [{ dense: 4 }, 'batchNormalization', { dense: 1 }];
  const one = await setUp({ layers, inputShape: [10], ranks: 1 });
  const { layout } = await one.engine.build(one.phase, undefined);
  expect(layout.otherWeights).toBe(8);
  const sum = await engineGradient(one);
  const { gradient, model } = await wholeGradient(one);
  expectClose(sum.subarray(0, layout.gradients), gradient);
  const moving = model.nonTrainableWeights.flatMap((weight) => [...weight.read().dataSync()]);
  expectClose(sum.subarray(layout.gradients, layout.gradients + 8), moving);

  const two = await setUp({ layers, inputShape: [10], ranks: 2 });
  await two.engine.build(two.phase, undefined);
  const both = await engineGradient(two);
  // The mean of means is the mean of the whole; nothing of the first rank leaks into the second.
  expectClose(both.subarray(layout.gradients, layout.gradients + 4), moving.slice(0, 4));
  expect(await engineGradient(two)).toEqual(both);
});

test('the sum does not depend on how ranks are split over workers', async () => {
  const setup = await setUp({
    layers: [{ dense: 8, activation: 'relu' }, { dropout: 0.3 }, { dense: 1 }],
    inputShape: [10],
    ranks: 4,
  });
  await setup.engine.build(setup.phase, undefined);
  const whole = await engineGradient(setup);
  const parts = await sumsOf(setup.engine, {
    step: 0,
    spans: [
      { lo: 0, hi: 2 },
      { lo: 2, hi: 3 },
      { lo: 3, hi: 4 },
    ],
    ranks: rankRowsOf(4),
    order: orderOf(setup.job),
  });
  expect(whole).toEqual(whole.map((_, i) => Math.fround(parts[0][i] + Math.fround(parts[1][i] + parts[2][i]))));
});

test('a micro-batch without rows contributes nothing', async () => {
  const setup = await setUp({ layers: [{ dense: 1 }], inputShape: [10], ranks: 3 });
  const { layout } = await setup.engine.build(setup.phase, undefined);
  const ranks = [
    { rank: 0, rows: [] },
    { rank: 1, rows: allRows },
    { rank: 2, rows: [] },
  ];
  const spans = [{ lo: 0, hi: 3 }];
  const [sum] = await sumsOf(setup.engine, { step: 0, spans, ranks, order: orderOf(setup.job) });
  expect([...lossesOf(sum, layout, 3)].map((value) => value > 0)).toEqual([false, true, false]);
});

test('non-finite numbers show in the loss slots of their ranks; weights that overflow are not accepted', async () => {
  const setup = await setUp({ layers: [{ dense: 1 }], inputShape: [10], ranks: 3 });
  const { layout, flatGradient: sum } = await setup.engine.build(setup.phase, undefined);
  sum.set(await engineGradient(setup));
  await setup.engine.apply(0, 1e30);
  expect([...lossesOf(await engineGradient(setup), layout, 3)].every((value) => !Number.isFinite(value))).toBe(true);
  const good = await setup.engine.exportModel();
  sum.fill(1);
  await expect(setup.engine.apply(1, Infinity)).rejects.toMatchObject({
    code: 'LOSS_NOT_FINITE',
    message: "the weights of the teacher overflow in the optimiser's step 1",
  });
  expect(await setup.engine.exportModel()).toEqual(good);
});

test('weights go back to the best ones', async () => {
  const setup = await setUp({ layers: [{ dense: 4 }, 'batchNormalization', { dense: 1 }], inputShape: [10] });
  const { engine } = setup;
  const { flatGradient: sum } = await engine.build(setup.phase, undefined);
  const before = engine.weightsSha256();
  engine.keepBest();
  sum.set(await engineGradient(setup));
  await engine.apply(0, 0.1);
  expect(engine.weightsSha256()).not.toBe(before);
  await engine.restoreBest();
  expect(engine.weightsSha256()).toBe(before);
});

test.each(usable)('%s: an engine that takes over another’s state goes on with the same bits', async (backend) => {
  const it: Case = {
    layers: [{ dense: 4 }, 'batchNormalization', { dropout: 0.2 }, { dense: 1 }],
    inputShape: [10],
    backend,
    training: { optimizer: { name: 'adam' } },
  };
  const step = async (setup: Setup, sum: Float32Array, number: number): Promise<void> => {
    sum.set(await engineGradient(setup, number));
    await setup.engine.apply(number, 0.01);
  };
  const [one, other] = [await setUp(it), await setUp(it)];
  const first = await one.engine.build(one.phase, undefined);
  for (let number = 0; number < 3; number++) await step(one, first.flatGradient, number);
  one.engine.keepBest();
  await step(one, first.flatGradient, 3);
  const state = one.engine.stateBuffers().map(({ name, data }) => ({ name, data: data.slice() }));
  expect(state.map(({ name }) => name)).toEqual([
    'parameters',
    'others',
    'optimizer.0',
    'optimizer.1',
    'best.parameters',
    'best.others',
  ]);
  const second = await other.engine.build(other.phase, undefined);
  await other.engine.adoptState(state);
  for (let number = 4; number < 6; number++) {
    await step(one, first.flatGradient, number);
    await step(other, second.flatGradient, number);
  }
  expect(other.engine.stateBuffers()).toEqual(one.engine.stateBuffers());
  await other.engine.restoreBest();
  expect(other.engine.weightsSha256()).toBe(createHash('sha256').update(bytesOf(state[4].data)).digest('hex'));
  await expect(other.engine.adoptState(state.slice(1))).rejects.toMatchObject({
    code: 'CHECKPOINT_CORRUPT',
    message: expect.stringContaining('nothing for parameters'),
  });
});

test('a worker that did not train the teacher gets its weights, and refuses others', async () => {
  const student = { student: { model: { layers: [{ dense: 2 }, { dense: 1 }] }, epochs: 1, batch: 5 }, distill: {} };
  const { job, engine, phase } = await setUp({
    layers: [{ dense: 4 }, 'batchNormalization', { dense: 1 }],
    inputShape: [10],
    ranks: 1,
    recipe: student,
  });
  const { flatGradient: sum } = await engine.build(phase, undefined);
  sum.set(await engineGradient({ engine, job }));
  await engine.apply(0, 0.1);
  const teacher = (await engine.exportModel()).data;
  const hash = createHash('sha256').update(teacher).digest('hex');
  const studentPhase = phaseOf(job, 'student');
  const gradientOf = async (it: Engine): Promise<Float32Array> => {
    await it.build(studentPhase, hash);
    const spans = [{ lo: 0, hi: 1 }];
    const [gradient] = await sumsOf(it, { step: 0, spans, ranks: rankRowsOf(1), order: orderOf(job), set: 'small' });
    return gradient;
  };
  const own = await gradientOf(engine);
  const newcomer = await setUp({
    layers: [{ dense: 4 }, 'batchNormalization', { dense: 1 }],
    inputShape: [10],
    ranks: 1,
    recipe: student,
    blobs: new Map([[hash, teacher]]),
  });
  expect(await gradientOf(newcomer.engine)).toEqual(own);
  const deceived = await setUp({
    layers: [{ dense: 4 }, 'batchNormalization', { dense: 1 }],
    inputShape: [10],
    ranks: 1,
    recipe: student,
    blobs: new Map([[hash, teacher.slice(4)]]),
  });
  await expect(deceived.engine.build(studentPhase, hash)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' });
});

const leaky: Record<string, Case> = {
  convolutional: {
    layers: [
      { conv2d: 2, kernel: 3, strides: 2 },
      { depthwiseConv2d: 2 },
      { maxPooling2d: 1 },
      'flatten',
      { dense: 8, activation: 'relu' },
      { dropout: 0.2 },
      'batchNormalization',
      { dense: 1 },
    ],
    inputShape: [9, 6, 2],
  },
  recurrent: sequences['embedding, bidirectional lstm and gru'],
};
const leaks = usable.flatMap((backend) => Object.entries(leaky).map(([kind, it]) => ({ backend, kind, it })));

test.each(leaks)('$backend: no tensor is left behind by a step or an evaluation: $kind', async ({ backend, it }) => {
  const setup = await setUp({ ...it, backend });
  const { flatGradient: sum } = await setup.engine.build(setup.phase, undefined);
  const once = async (step: number): Promise<void> => {
    sum.set(await engineGradient(setup, step));
    await setup.engine.apply(step, 0.01);
    await setup.engine.evaluate({ set: 'test', shares: new Map([[0, [0, rowCount]]]) });
  };
  await once(0);
  const before = tf.memory();
  for (let step = 1; step < 6; step++) await once(step);
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
});

describe.each(engines)('%s', (backend) => {
  const name = 'memory is flat over 250 steps';
  test.skipIf(!runsOn(backend, name))(
    titleOf(backend, name),
    async () => {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      // Large if memory is not JavaScript's, small if a step is slow.
      const wide: LayerConfig[] = [
        { dense: backend === 'cpu' ? 20 : 500, activation: 'relu' },
        { dropout: 0.2 },
        { dense: 200, activation: 'relu' },
      ];
      const setup = await setUp({
        layers: [...(backend === 'webgpu' ? [{ dense: 8 }] : wide), { dense: 1 }],
        inputShape: [10],
        ranks: 1,
        backend,
      });
      const { flatGradient: sum } = await setup.engine.build(setup.phase, undefined);
      const train = async (from: number, to: number): Promise<{ rss: number; tensors: number; bytes: number }> => {
        for (let step = from; step < to; step++) {
          await setup.engine.compute({
            step,
            epoch: 0,
            batch: rowCount,
            subtrees: [{ span: { lo: 0, hi: 1 }, sum }],
            scratch: [],
            ranks: rankRowsOf(1),
            order: orderOf(setup.job),
            set: 'large',
          });
          await setup.engine.apply(step, 0.001);
        }
        collect();
        await new Promise((resolve) => setTimeout(resolve, 50));
        collect();
        const { numTensors, numBytes } = tf.memory();
        return { rss: process.memoryUsage().rss, tensors: numTensors, bytes: numBytes };
      };
      const warm = await train(0, 50);
      const end = await train(50, 250);
      expect(end.tensors).toBe(warm.tensors);
      expect(end.bytes).toBe(warm.bytes);
      // One copy of the larger gradient kept per step would be 85 MB.
      expect((end.rss - warm.rss) / 1e6).toBeLessThan(60);
    },
    300_000,
  );
});

test('auto takes wasm, or cpu if wasm lacks a kernel, and says why; asking for wasm then fails', async () => {
  vi.stubEnv('STILLHOUSE_CACHE', '/nowhere');
  const convolutional = await setUp({
    layers: [{ conv2d: 2, kernel: 3 }, ...head],
    inputShape: image,
    backend: 'auto',
  });
  expect(convolutional.engine.fingerprint).toMatch(/^wasm /);
  const asset = `export default ({ tf, inputShape, outputs }) => {
    class Pick extends tf.layers.Layer {
      call(inputs) {
        const one = tf.einsum('i->', tf.tensor1d([0.5, 0.5]));
        return tf.mul(Array.isArray(inputs) ? inputs[0] : inputs, one);
      }
      static get className() { return 'Pick'; }
    }
    return tf.sequential({
      layers: [tf.layers.dense({ units: 3, inputShape }), new Pick({ name: 'pick' }),
        tf.layers.dense({ units: outputs })],
    });
  };`;
  const { job } = await setUp({ layers: [{ dense: 1 }], inputShape: [10], asset });
  const engine = await tfjsEngine('auto')(
    job,
    async () => new Uint8Array(),
    async () => {},
  );
  expect(engine.fingerprint).toMatch(/^cpu /);
  expect(engine.choice).toBe(
    'cpu: the fastest here that trains every model of the recipe; tensorflow is not installed (several times ' +
      'faster: `stillhouse backend install tensorflow`); webgpu is not installed; wasm has no kernel ' +
      "Einsum, which the teacher's layer pick needs",
  );
  await expect(
    tfjsEngine('wasm')(
      job,
      async () => new Uint8Array(),
      async () => {},
    ),
  ).rejects.toMatchObject({
    code: 'BACKEND_KERNEL',
    message:
      "the models of the recipe cannot be trained: wasm has no kernel Einsum, which the teacher's layer pick needs",
  });
});

test.each([
  [
    'a dilated convolution',
    `tf.layers.reshape({ targetShape: [5, 2] }), tf.layers.conv1d({ name: 'it', filters: 2, kernelSize: 2,
      dilationRate: 2 }), tf.layers.flatten()`,
    /^the teacher's layer it \(Conv1D\) cannot be trained here: Error in gradient of conv2D: dilation rates/,
  ],
  [
    'a layer without a gradient',
    `tf.layers.thresholdedReLU({ name: 'it' })`,
    /^the teacher's layer it \(ThresholdedReLU\) cannot be trained here: Cannot compute gradient/,
  ],
])('%s is refused by its name before the run', async (_, layers, message) => {
  const asset = `export default ({ tf, inputShape, outputs }) => tf.sequential({
    layers: [tf.layers.dense({ units: 10, inputShape }), ${layers}, tf.layers.dense({ units: outputs })] });`;
  const { job } = await setUp({ layers: [{ dense: 1 }], inputShape: [10] });
  const recipe = {
    ...job.recipe,
    teacher: { ...job.recipe.teacher, model: { module: 'model.mjs', export: 'default' } },
  };
  const engine = tfjsEngine('cpu')(
    { ...job, recipe, assets: { teacher: asset } },
    async () => new Uint8Array(),
    async () => {},
  );
  await expect(engine).rejects.toMatchObject({ code: 'MODEL_INVALID', message: expect.stringMatching(message) });
});

test('a backend that is not installed says so', async () => {
  vi.stubEnv('STILLHOUSE_CACHE', '/nowhere');
  const { job } = await setUp({ layers: [{ dense: 1 }], inputShape: [10] });
  if (!hasNative)
    await expect(
      tfjsEngine('tensorflow')(
        job,
        async () => new Uint8Array(),
        async () => {},
      ),
    ).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      next: expect.stringContaining('backend install tensorflow'),
    });
  // One that is loaded has its threads for good.
  else
    await expect(
      tfjsEngine('tensorflow')(
        { ...job, recipe: { ...job.recipe, threads: 2 } },
        async () => new Uint8Array(),
        async () => {},
      ),
    ).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
});
