// Translates Keras's description of a model for TFJS: TFJS reads Keras 2's form, but Keras 3 writes another one.
import { z } from 'zod';

type Json = Record<string, unknown>;
const json = z.record(z.string(), z.unknown());

/** What is read here of a layer, or of a model, which is one; TFJS reads the rest. */
const layerSchema = z.looseObject({ class_name: z.string(), config: json });
type Layer = z.output<typeof layerSchema>;

/** A tensor that a layer was called with, in Keras 3. */
const tensorSchema = z.object({
  class_name: z.literal('__keras_tensor__'),
  config: z.object({ keras_history: z.tuple([z.string(), z.int(), z.int()]) }),
});

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** [layer, node, output] of every tensor in the arguments of a call. */
function historiesIn(value: unknown): unknown[][] {
  const tensor = tensorSchema.safeParse(value).data;
  if (tensor) return [tensor.config.keras_history];
  return Array.isArray(value)
    ? value.flatMap(historiesIn)
    : isObject(value)
      ? Object.values(value).flatMap(historiesIn)
      : [];
}

/** A call of a layer: Keras 3's { args, kwargs } as Keras 2's list of [layer, node, output, {}]. */
function callOf(call: unknown, layer: string): unknown {
  if (!isObject(call)) return call;
  if (historiesIn(call['kwargs']).length > 0)
    throw new Error(`the layer ${layer} gets tensors by name, which TFJS does not know`);
  return historiesIn(call['args']).map((history) => [...history, {}]);
}

/** input_layers and output_layers are lists of [layer, node, output]; Keras 3 writes a single one without the list. */
const endsOf = (ends: unknown): unknown => (Array.isArray(ends) && typeof ends[0] === 'string' ? [ends] : ends);

/** Activations that TFJS knows by another name, or whose name means another function in TFJS. */
const activations: Readonly<Record<string, string>> = { silu: 'swish' };

function activationOf(value: unknown, layer: string): unknown {
  const name = isObject(value) ? value['config'] : value;
  if (name === 'hard_sigmoid' || name === 'hard_silu')
    throw new Error(`the layer ${layer} has the activation ${name}, which TFJS computes differently`);
  return typeof name === 'string' ? (activations[name] ?? name) : value;
}

/** Settings that TFJS would silently ignore, with the values that have no effect. */
const neutral: Readonly<Record<string, readonly unknown[]>> = {
  groups: [1],
  threshold: [0],
  negative_slope: [0],
  renorm: [false],
  rms_scaling: [false],
  lora_rank: [null],
  quantization_config: [null],
};

function settingOf([key, value]: [string, unknown], layer: string, className: string): [string, unknown][] {
  if (key.endsWith('_initializer')) return [[key, { class_name: 'Zeros', config: {} }]];
  if (key.endsWith('_regularizer') || key.endsWith('_constraint')) return [];
  if (key === 'layers' || key === 'layer' || key === 'backward_layer' || key === 'cell')
    return [[key, Array.isArray(value) ? value.map(translated) : translated(value)]];
  if (key === 'input_layers' || key === 'output_layers') return [[key, endsOf(value)]];
  if (key === 'dtype') return [[key, 'float32']];
  if (key === 'batch_shape') return [['batch_input_shape', value]];
  if (key.endsWith('activation')) return [[key, activationOf(value, layer)]];
  if (key === 'axis' && className === 'BatchNormalization' && Array.isArray(value)) return [[key, value[0]]];
  if (key === 'negative_slope' && className === 'LeakyReLU') return [['alpha', value]];
  if (key in neutral && !neutral[key].includes(value))
    throw new Error(`the layer ${layer} has ${key} ${JSON.stringify(value)}, which TFJS does not know`);
  return [[key, value]];
}

/** A layer for TFJS; what is none stays as it is. */
function translated(value: unknown): unknown {
  const layer = layerSchema.safeParse(value).data;
  return layer ? layerOf(layer) : value;
}

function layerOf(layer: Layer): Json {
  const { class_name: className } = layer;
  const name = typeof layer.config['name'] === 'string' ? layer.config['name'] : className;
  const config = Object.fromEntries(Object.entries(layer.config).flatMap((entry) => settingOf(entry, name, className)));
  const calls = layer['inbound_nodes'];
  return {
    class_name: className,
    config,
    ...('name' in layer ? { name: layer['name'] } : {}),
    ...(Array.isArray(calls) ? { inbound_nodes: calls.map((call) => callOf(call, name)) } : {}),
  };
}

/**
 * The topology for tf.models.modelFromJSON, from a model's configuration in an HDF5 file or a .keras archive. What
 * matters only for training (regularisers, constraints, initial weights) is left out.
 * @throws Error that names the layer, if TFJS has nothing that computes the same
 */
export function topologyOf(config: unknown): Json {
  const { success, data: model } = layerSchema.safeParse(config);
  if (!success) throw new Error('its configuration is not that of a model');
  return layerOf(model);
}
