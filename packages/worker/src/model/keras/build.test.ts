import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { build } from './build.js';

beforeAll(() => tf.setBackend('cpu'));

type Json = Record<string, unknown>;

const tensor = ([layer, call = 0, output = 0]: [string, number?, number?]): Json => ({
  class_name: '__keras_tensor__',
  config: { shape: [null, 4], dtype: 'float32', keras_history: [layer, call, output] },
});
/** A call in Keras 3, with one tensor or a list of tensors. */
const call = (...args: unknown[]): Json => ({ args, kwargs: {} });
const of = (layer: string, nth = 0): Json => tensor([layer, nth]);
const layer = (className: string, config: Json, calls: unknown[] = [], more: Json = {}): Json => ({
  module: 'keras.layers',
  class_name: className,
  config,
  registered_name: null,
  name: config['name'],
  inbound_nodes: calls,
  ...more,
});
const input = (shape: (number | null)[], name = 'in'): Json =>
  layer('InputLayer', { name, batch_shape: [null, ...shape] });
const functional = (layers: Json[], output: string, { name = 'model', nth = 0, calls = [] as unknown[] } = {}): Json =>
  layer('Functional', { name, layers, input_layers: ['in', 0, 0], output_layers: [output, nth, 0] }, calls, {
    module: 'keras.src.models.functional',
    registered_name: 'Functional',
  });
const sequential = (...layers: Json[]): Json => ({
  class_name: 'Sequential',
  config: { name: 'model', layers: [input([4]), ...layers] },
});

/** The model's output for a row, after its weights are 0.1, 0.2, … */
async function outputOf(config: Json, row: number[], shape = [1, row.length]): Promise<number[]> {
  const model = (await build(config)).layer as tf.LayersModel;
  let next = 0;
  for (const weight of model.weights) {
    const { size, shape: own } = weight.read();
    weight.write(
      tf.tensor(
        Array.from({ length: size }, () => ++next / 10),
        own,
      ),
    );
  }
  return [...(model.apply(tf.tensor(row, shape)) as tf.Tensor).dataSync()];
}

const close = (values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 5) as unknown);

describe('calls of layers', () => {
  const scale = (name: string, by: number, calls: unknown[]): Json =>
    layer('Rescaling', { name, scale: by, offset: 0 }, calls);
  const shift = (name: string, by: number, calls: unknown[]): Json =>
    layer('Rescaling', { name, scale: 2, offset: by }, calls);

  /** x → 2 x + 1. */
  const inner = (calls: unknown[]): Json =>
    functional([input([1]), shift('inner_shift', 1, [call(of('in'))])], 'inner_shift', { name: 'inner', calls });

  test('a model used twice gets what each call gives it, however deep that is', async () => {
    const merged = layer('Concatenate', { name: 'both', axis: -1 }, [call([of('inner', 0), of('inner', 1)])]);
    const layers = [input([1]), inner([call(of('third')), call(of('in'))])];
    const deeper = [
      scale('first', 3, [call(of('in'))]),
      scale('second', 3, [call(of('first'))]),
      scale('third', 3, [call(of('second'))]),
    ];
    expect(await outputOf(functional([...layers, ...deeper, merged], 'both'), [1])).toEqual([55, 3]);
  });

  test('outputs of a functional model within count its calls from 1, those of a sequential one from 0', async () => {
    const calls = [call(of('in')), call(of('first'))];
    const layers = [input([1]), scale('first', 3, [call(of('in'))])];
    expect(await outputOf(functional([...layers, inner(calls)], 'inner', { nth: 2 }), [1])).toEqual([7]);
    const within = layer('Sequential', { name: 'inner', layers: [input([1]), shift('s', 1, [])] }, calls);
    expect(await outputOf(functional([...layers, within], 'inner', { nth: 1 }), [1])).toEqual([7]);
  });

  test.each([0, 1])('calls of a model in a file of Keras 2 may be counted from %i', async (from) => {
    const old = (value: Json, calls: unknown[]): Json => ({ ...value, inbound_nodes: calls });
    const config = functional(
      [
        old(input([1]), []),
        old(scale('first', 3, []), [[['in', 0, 0, {}]]]),
        old(functional([old(input([1]), []), old(shift('s', 1, []), [[['in', 0, 0, {}]]])], 's', { name: 'inner' }), [
          [['in', 0, 0, {}]],
          [['first', 0, 0, { training: false }]],
        ]),
        old(layer('Concatenate', { name: 'both', axis: -1 }), [
          [
            ['inner', from, 0, {}],
            ['inner', from + 1, 0, {}],
          ],
        ]),
      ],
      'both',
    );
    expect(await outputOf(config, [1])).toEqual([3, 7]);
  });

  test.each<[string, unknown, string]>([
    ['training mode', { args: [of('in')], kwargs: { training: true } }, 'is called with training true'],
    ['tensors by name', { args: [of('in')], kwargs: { value: of('in') } }, 'is called with value'],
    ['numbers', call(of('in'), 1), 'is not called with one tensor or one list of tensors'],
    ['training mode in Keras 2', [['in', 0, 0, { training: true }]], 'is called with training true'],
  ])('%s are refused', async (_, given, text) => {
    const config = functional([input([1]), layer('Dropout', { name: 'it', rate: 0.5 }, [given])], 'it');
    await expect(build(config)).rejects.toThrow(`the layer it (Dropout) ${text}`);
  });
});

describe('recurrent layers', () => {
  const gru = { name: 'gru', units: 1, reset_after: true, activation: 'tanh', recurrent_activation: 'sigmoid' };
  const rows = { row: [1, -1, 0.5, 2], shape: [1, 2, 2] };
  const config = (...layers: Json[]): Json => ({
    class_name: 'Sequential',
    config: { name: 'model', layers: [input([2, 2]), ...layers] },
  });

  test('a GRU that resets after the product: the formula by hand', async () => {
    // Kernel [[.1 .2 .3] [.4 .5 .6]], recurrent kernel [.7 .8 .9], biases [1 1.1 1.2] and [1.3 1.4 1.5].
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    let h = 0;
    for (const [a, b] of [
      [1, -1],
      [0.5, 2],
    ]) {
      const z = sigmoid(a * 0.1 + b * 0.4 + 1 + h * 0.7 + 1.3);
      const r = sigmoid(a * 0.2 + b * 0.5 + 1.1 + h * 0.8 + 1.4);
      h = z * h + (1 - z) * Math.tanh(a * 0.3 + b * 0.6 + 1.2 + r * (h * 0.9 + 1.5));
    }
    expect(await outputOf(config(layer('GRU', gru)), rows.row, rows.shape)).toEqual(close([h]));
  });

  test('in both directions, and a backward layer of its own only with the same settings', async () => {
    const backward = { ...gru, name: 'backward', go_backwards: true };
    const both = (change: Json): Json =>
      config(
        layer('Bidirectional', {
          name: 'both',
          merge_mode: 'concat',
          layer: layer('GRU', gru),
          backward_layer: layer('GRU', { ...backward, ...change }),
        }),
      );
    expect(await outputOf(both({}), rows.row, rows.shape)).toHaveLength(2);
    for (const change of [{ units: 2 }, { activation: 'relu' }, { reset_after: false }, { go_backwards: false }])
      await expect(build(both(change))).rejects.toThrow(
        'the layer both (Bidirectional) has a backward_layer with other settings than its layer',
      );
  });
});

describe('refused by name', () => {
  test.each<[string, Json, string]>([
    ['ReLU', { negative_slope: 0.2 }, 'has negative_slope 0.2'],
    ['Dense', { units: 2, activation: 'hard_sigmoid' }, 'has the activation "hard_sigmoid"'],
    ['Dense', { units: 2, activation: { class_name: 'LeakyReLU', config: {} } }, 'has the activation "LeakyReLU"'],
    ['Dense', { units: 2, unheard: 1 }, 'has unheard 1'],
    ['Dense', { units: 2, dtype: { class_name: 'QuantizedDTypePolicy', config: {} } }, 'dtype "QuantizedDTypePolicy"'],
    ['BatchNormalization', { axis: 1, renorm: true }, 'has renorm true'],
  ])('%s %o', async (className, config, text) => {
    await expect(build(sequential(layer(className, { name: 'it', ...config })))).rejects.toThrow(
      new RegExp(`^the layer it \\(${className}\\) .*${text}.*, which is not computed here as in Keras$`),
    );
  });

  test('BatchNormalization of another axis than the last, also if that is not −1', async () => {
    const config = (axis: unknown): Json => ({
      class_name: 'Sequential',
      config: { name: 'model', layers: [input([3, 2]), layer('BatchNormalization', { name: 'it', axis })] },
    });
    await expect(build(config(1))).rejects.toThrow(
      'the layer it (BatchNormalization) has axis 1, which is not the last',
    );
    await expect(build(config([1]))).rejects.toThrow('has axis [1], which is not the last');
    expect(await outputOf(config([2]), [1, 2, 3, 4, 5, 6], [1, 3, 2])).toHaveLength(6);
  });

  test('BatchNormalization of another axis in TimeDistributed', async () => {
    const inner = layer('BatchNormalization', { name: 'inner', axis: 1 });
    const config = {
      class_name: 'Sequential',
      config: { name: 'model', layers: [input([2, 3, 2]), layer('TimeDistributed', { name: 'it', layer: inner })] },
    };
    await expect(build(config)).rejects.toThrow(
      'the layer inner (BatchNormalization) has axis 1, which is not the last',
    );
  });

  test.each<[string, Json, string]>([
    ['unknown layers', layer('Unheard', { name: 'it' }), 'the layer it is Unheard, which is not computed here'],
    [
      'a layer of a user with the name of one of Keras',
      layer('Dense', { name: 'it', units: 1 }, [], { module: 'mine', registered_name: 'Mine>Dense' }),
      'the layer it is mine.Dense, which is not a layer of Keras',
    ],
    [
      'an operation with the name of a layer',
      layer('Add', { name: 'it' }, [], { module: 'keras.src.ops.numpy' }),
      'the layer it is keras.src.ops.numpy.Add, which is not a layer of Keras',
    ],
  ])('%s', async (_, given, text) => {
    await expect(build(sequential(given))).rejects.toThrow(text);
  });
});

describe('masks', () => {
  const embedding = layer('Embedding', { name: 'words', input_dim: 5, output_dim: 2, mask_zero: true });

  test.each(['LSTM', 'GRU', 'SimpleRNN'])('that reach a layer that applies them are refused: %s', async (kind) => {
    await expect(build(sequential(embedding, layer(kind, { name: 'it', units: 2 })))).rejects.toThrow(
      `the layer it (${kind}) gets a mask, which is not applied here as in Keras`,
    );
  });

  test('also through a model, or into one', async () => {
    const pooling = layer('GlobalAveragePooling1D', { name: 'it', data_format: 'channels_last' });
    const nested = { ...sequential(embedding), name: 'nested' };
    await expect(build(sequential(nested, pooling))).rejects.toThrow(
      'the layer it (GlobalAveragePooling1D) gets a mask',
    );
  });

  test('that reach none change nothing', async () => {
    const flat = sequential(embedding, layer('Flatten', { name: 'flat' }));
    expect(await outputOf(flat, [0, 1, 0, 2])).toEqual(close([0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.5, 0.6]));
  });
});

test('what only training needs is left out, and layers that are idle in inference hand on what they get', async () => {
  const dense = layer('Dense', {
    name: 'dense',
    units: 1,
    dtype: { class_name: 'DTypePolicy', config: { name: 'mixed_float16' } },
    kernel_regularizer: { class_name: 'L2' },
    bias_constraint: { class_name: 'Mine' },
    kernel_initializer: { class_name: 'Mine' },
    activation: 'silu',
  });
  const idle = layer('RandomFlip', { name: 'flip', mode: 'horizontal', seed: 3 });
  const x = 0.1 + 2 * 0.2 + 3 * 0.3 + 4 * 0.4 + 0.5;
  expect(await outputOf(sequential(idle, dense), [1, 2, 3, 4])).toEqual(close([x / (1 + Math.exp(-x))]));
});

test('a SeparableConv2D of Keras 2, which writes an initializer of a kernel that it does not have', async () => {
  const convolution = layer('SeparableConv2D', {
    name: 'it',
    filters: 1,
    kernel_size: [1, 1],
    depthwise_initializer: { class_name: 'GlorotUniform', config: {} },
    pointwise_initializer: { class_name: 'GlorotUniform', config: {} },
    kernel_initializer: { class_name: 'GlorotUniform', config: {} },
    kernel_regularizer: null,
  });
  const config = { class_name: 'Sequential', config: { name: 'model', layers: [input([1, 1, 1]), convolution] } };
  // Depthwise 0.1, pointwise 0.2, bias 0.3.
  expect(await outputOf(config, [5], [1, 1, 1, 1])).toEqual(close([5 * 0.1 * 0.2 + 0.3]));
});
