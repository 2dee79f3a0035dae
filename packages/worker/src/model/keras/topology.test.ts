import { describe, expect, test } from 'vitest';
import { topologyOf } from './topology.js';

const tensor = (layer: string): object => ({
  class_name: '__keras_tensor__',
  config: { shape: [null, 4], dtype: 'float32', keras_history: [layer, 0, 0] },
});
const layer = (className: string, config: object, calls: unknown = []): object => ({
  module: 'keras.layers',
  class_name: className,
  config: { name: 'it', ...config },
  registered_name: null,
  name: 'it',
  inbound_nodes: calls,
});
const model = (...layers: object[]): Record<string, unknown> => ({
  class_name: 'Functional',
  config: { name: 'model', layers, input_layers: ['in', 0, 0], output_layers: [['out', 0, 0]] },
});
const translated = (
  className: string,
  config: object,
  calls?: unknown,
): { config: Record<string, unknown>; inbound_nodes: unknown } =>
  (
    topologyOf(model(layer(className, config, calls)))['config'] as {
      layers: { config: Record<string, unknown>; inbound_nodes: unknown }[];
    }
  ).layers[0];

describe('a configuration of Keras 3', () => {
  test('tensors that a layer gets, alone, in a list and by position', () => {
    expect(translated('Dense', {}, [{ args: [tensor('a')], kwargs: { mask: null } }]).inbound_nodes).toEqual([
      [['a', 0, 0, {}]],
    ]);
    expect(translated('Add', {}, [{ args: [[tensor('a'), tensor('b')]], kwargs: {} }]).inbound_nodes).toEqual([
      [
        ['a', 0, 0, {}],
        ['b', 0, 0, {}],
      ],
    ]);
    expect(() => translated('Attention', {}, [{ args: [tensor('a')], kwargs: { value: tensor('b') } }])).toThrow(
      'gets tensors by name',
    );
  });

  test('a single input becomes a list', () => {
    expect(topologyOf(model())['config']).toMatchObject({
      input_layers: [['in', 0, 0]],
      output_layers: [['out', 0, 0]],
    });
  });

  test('types, shapes and names become those of Keras 2', () => {
    expect(
      translated('InputLayer', {
        batch_shape: [null, 4],
        dtype: { class_name: 'DTypePolicy', config: { name: 'mixed_float16' } },
      }).config,
    ).toEqual({ name: 'it', batch_input_shape: [null, 4], dtype: 'float32' });
    expect(translated('Dense', { activation: 'silu' }).config).toEqual({ name: 'it', activation: 'swish' });
    expect(translated('LeakyReLU', { negative_slope: 0.3 }).config).toEqual({ name: 'it', alpha: 0.3 });
  });

  test('what only training needs is left out', () => {
    expect(
      translated('Dense', {
        kernel_regularizer: { class_name: 'L2' },
        bias_constraint: { class_name: 'Mine' },
        kernel_initializer: { class_name: 'Mine' },
      }).config,
    ).toEqual({ name: 'it', kernel_initializer: { class_name: 'Zeros', config: {} } });
  });

  test.each([
    ['ReLU', { negative_slope: 0.2 }, 'it has negative_slope 0.2, which TFJS does not know'],
    ['Conv2D', { groups: 2 }, 'it has groups 2'],
    ['Dense', { activation: 'hard_sigmoid' }, 'activation hard_sigmoid'],
    ['BatchNormalization', { renorm: true }, 'renorm true'],
  ])('what TFJS would compute otherwise is refused: %s %o', (className, config, text) => {
    expect(() => translated(className, config)).toThrow(text);
  });
});

test('models within models, and what Keras 2 writes, stay as they are', () => {
  const calls = [[['a', 0, 0, {}]]];
  const inner = {
    class_name: 'Sequential',
    config: { name: 'inner', layers: [layer('BatchNormalization', { axis: [3], dtype: 'float32' }, calls)] },
    inbound_nodes: calls,
  };
  const [{ config, inbound_nodes: seen }] = (
    topologyOf(model(inner))['config'] as { layers: { config: { layers: object[] }; inbound_nodes: unknown }[] }
  ).layers;
  expect(seen).toEqual(calls);
  expect(config.layers).toEqual([
    {
      class_name: 'BatchNormalization',
      config: { name: 'it', axis: 3, dtype: 'float32' },
      name: 'it',
      inbound_nodes: calls,
    },
  ]);
});
