// Translates Keras's description of a model for TFJS: TFJS reads Keras 2's form, but Keras 3 writes another one.
type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A tensor that a layer was called with, in Keras 3: [layer, node, output]. */
const historyOf = (value: unknown): unknown[] | undefined =>
  isObject(value) && value['class_name'] === '__keras_tensor__'
    ? ((value['config'] as Json)['keras_history'] as unknown[])
    : undefined;

function historiesIn(value: unknown): unknown[][] {
  const history = historyOf(value);
  if (history) return [history];
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
    return [[key, Array.isArray(value) ? value.map(layerOf) : layerOf(value)]];
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

function layerOf(value: unknown): unknown {
  if (!isObject(value) || !isObject(value['config'])) return value;
  const className = String(value['class_name']);
  const name = (value['config']['name'] as string | undefined) ?? className;
  const config = Object.fromEntries(
    Object.entries(value['config']).flatMap((entry) => settingOf(entry, name, className)),
  );
  const calls = value['inbound_nodes'];
  return {
    class_name: className,
    config,
    ...('name' in value ? { name: value['name'] } : {}),
    ...(Array.isArray(calls) ? { inbound_nodes: calls.map((call) => callOf(call, name)) } : {}),
  };
}

/**
 * The topology for tf.models.modelFromJSON, from a model's configuration in an HDF5 file or a .keras archive. What
 * matters only for training (regularisers, constraints, initial weights) is left out.
 * @throws Error that names the layer, if TFJS has nothing that computes the same
 */
export function topologyOf(config: unknown): Json {
  if (!isObject(config)) throw new Error('its configuration is not an object');
  return layerOf(config) as Json;
}
