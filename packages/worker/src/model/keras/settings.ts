// Which layers of Keras are computed here as in Keras, and with which settings; everything else is refused by name.
import { isObject, nameOf, titleOf, type Description, type Json } from './description.js';
import { idleLayers } from './idle-layers.js';

/** Whether a setting's value is computed as in Keras. */
type Rule = (value: unknown) => boolean;

const any: Rule = () => true;
const is =
  (...values: readonly unknown[]): Rule =>
  (value) =>
    values.includes(value);
/** A number, or one per dimension. */
const every =
  (wanted: number): Rule =>
  (value) =>
    [value].flat().every((each) => each === wanted);
const isNumber: Rule = (value) => typeof value === 'number';

/** Activations by their names in Keras, and in TFJS. */
const activations: Readonly<Record<string, string>> = {
  linear: 'linear',
  relu: 'relu',
  relu6: 'relu6',
  sigmoid: 'sigmoid',
  softplus: 'softplus',
  softsign: 'softsign',
  tanh: 'tanh',
  softmax: 'softmax',
  log_softmax: 'log_softmax',
  elu: 'elu',
  selu: 'selu',
  gelu: 'gelu',
  silu: 'swish',
  swish: 'swish',
  mish: 'mish',
};

/** Settings that change nothing in inference, or only how something is computed. */
const inert = new Set([
  'implementation',
  'momentum',
  'name',
  'renorm_momentum',
  'seed',
  'synchronized',
  'trainable',
  'unit_forget_bias',
  'unroll',
  'use_cudnn',
]);

const convolution = {
  filters: any,
  kernel_size: any,
  strides: any,
  padding: is('valid', 'same'),
  data_format: is('channels_last'),
  dilation_rate: any,
  groups: is(1),
  use_bias: any,
} as const satisfies Record<string, Rule>;
const transposed = { ...convolution, data_format: any, dilation_rate: every(1) } as const satisfies Record<
  string,
  Rule
>;
const pooling = {
  pool_size: any,
  strides: any,
  padding: is('valid', 'same'),
  data_format: any,
} as const satisfies Record<string, Rule>;
const pooling1d = { ...pooling, data_format: is('channels_last') } as const satisfies Record<string, Rule>;
const globalPooling = { data_format: any, keepdims: is(false) } as const satisfies Record<string, Rule>;
const globalPooling1d = { ...globalPooling, data_format: is('channels_last') } as const satisfies Record<string, Rule>;
const recurrent = {
  units: any,
  use_bias: any,
  dropout: any,
  recurrent_dropout: any,
  return_sequences: any,
  return_state: any,
  go_backwards: any,
  stateful: is(false),
  time_major: is(false),
  zero_output_for_mask: any,
} as const satisfies Record<string, Rule>;
const normalization = { axis: any, epsilon: any, center: any, scale: any } as const satisfies Record<string, Rule>;
const resized = { size: any, data_format: any } as const satisfies Record<string, Rule>;

/** Settings of each layer, with the values that are computed as in Keras. */
const kinds: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  InputLayer: { batch_shape: any, sparse: is(false), ragged: is(false), optional: is(false) },
  Dense: { units: any, use_bias: any },
  Activation: {},
  Embedding: { input_dim: any, output_dim: any, input_length: any, mask_zero: any },
  Masking: { mask_value: any },
  Conv1D: convolution,
  Conv2D: convolution,
  Conv3D: { ...convolution, dilation_rate: every(1) },
  Conv2DTranspose: transposed,
  SeparableConv2D: { ...convolution, depth_multiplier: any },
  DepthwiseConv2D: { ...transposed, depth_multiplier: any },
  ConvLSTM2D: { ...recurrent, ...convolution, return_state: is(false) },
  MaxPooling1D: pooling1d,
  MaxPooling2D: pooling,
  MaxPooling3D: pooling,
  AveragePooling1D: pooling1d,
  AveragePooling2D: pooling,
  AveragePooling3D: pooling,
  GlobalMaxPooling1D: globalPooling1d,
  GlobalMaxPooling2D: globalPooling,
  GlobalAveragePooling1D: globalPooling1d,
  GlobalAveragePooling2D: globalPooling,
  SimpleRNN: recurrent,
  LSTM: recurrent,
  GRU: { ...recurrent, reset_after: any },
  Bidirectional: { layer: any, backward_layer: any, merge_mode: is('concat', 'sum', 'mul', 'ave') },
  TimeDistributed: { layer: any },
  BatchNormalization: { ...normalization, renorm: is(false) },
  LayerNormalization: { ...normalization, rms_scaling: is(false) },
  ReLU: { max_value: any, negative_slope: every(0), threshold: every(0) },
  LeakyReLU: { alpha: isNumber, negative_slope: isNumber },
  PReLU: { shared_axes: any },
  ELU: { alpha: is(1) },
  Softmax: { axis: any },
  ThresholdedReLU: { theta: isNumber },
  Add: {},
  Multiply: {},
  Average: {},
  Maximum: {},
  Minimum: {},
  Concatenate: { axis: any },
  Dot: { axes: any, normalize: any },
  Flatten: { data_format: any },
  Reshape: { target_shape: any },
  Permute: { dims: any },
  RepeatVector: { n: any },
  Cropping2D: { cropping: any, data_format: any },
  ZeroPadding2D: { padding: any, data_format: any },
  UpSampling2D: { ...resized, interpolation: is('nearest') },
  Rescaling: { scale: isNumber, offset: isNumber },
  Dropout: { rate: any, noise_shape: any },
  SpatialDropout1D: { rate: any, noise_shape: any },
  GaussianNoise: { stddev: any },
  GaussianDropout: { rate: any },
  AlphaDropout: { rate: any, noise_shape: any },
};

/** Number formats of a layer; what computes in half precision in Keras has fp32 here. */
const precisions = ['float32', 'float64', 'mixed_float16', 'mixed_bfloat16'];
/** Rows are numbers, which an input may declare as integers. */
const inputTypes = [...precisions, 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'bool'];

const shown = (value: unknown): string => JSON.stringify(value);

function typeOf(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { class_name: className, config } = value;
  return className === 'DTypePolicy' || className === 'Policy' ? (config as Json)['name'] : className;
}

function activationOf(layer: Description, key: string, value: unknown): string {
  const name = isObject(value) && value['class_name'] === 'function' ? value['config'] : value;
  const known = value === null ? 'linear' : typeof name === 'string' ? activations[name] : undefined;
  if (known !== undefined) return known;
  const given = shown(isObject(name) ? name['class_name'] : name);
  throw new Error(
    `${titleOf(layer)} has the ${key.replace('_', ' ')} ${given}, which is not computed here as in Keras`,
  );
}

/** What only training needs. */
const isOnlyForTraining = (key: string): boolean => /_(initializer|regularizer|constraint)$/.test(key);

function refuse(layer: Description, key: string, value: unknown): never {
  throw new Error(`${titleOf(layer)} has ${key} ${shown(value)}, which is not computed here as in Keras`);
}

function settingOf(layer: Description, [key, value]: [string, unknown]): [string, unknown][] {
  const { class_name: className } = layer;
  // Keras 2 writes it, and has no such weight.
  if (key === 'kernel_initializer' && className === 'SeparableConv2D') return [];
  if (key.endsWith('_initializer')) return [[key, { class_name: 'Zeros', config: {} }]];
  if (isOnlyForTraining(key) || inert.has(key)) return [];
  if (key === 'batch_input_shape') return [[key, value]];
  if (key === 'dtype') {
    const type = typeOf(value);
    if (value !== null && !(className === 'InputLayer' ? inputTypes : precisions).includes(String(type)))
      refuse(layer, key, type);
    return [[key, 'float32']];
  }
  if (key.endsWith('activation')) return [[key, activationOf(layer, key, value)]];
  const rule = kinds[className][key] as Rule | undefined;
  if (value !== null && !rule?.(value)) refuse(layer, key, value);
  if (!rule || value === null) return [];
  if (key === 'batch_shape') return [['batch_input_shape', value]];
  if (key === 'negative_slope' && className === 'LeakyReLU') return [['alpha', value]];
  if (key === 'axis' && className === 'BatchNormalization') return [[key, [value].flat()[0]]];
  return [[key, value]];
}

/** Layers of this name may be others: Keras's operations on tensors, and what users define. */
export function refuseForeign(layer: Description): void {
  const { module, registered_name: registered, class_name: className } = layer;
  if (typeof module === 'string' && (!/^(tf_)?keras\b/.test(module) || module.includes('.ops')))
    throw new Error(`the layer ${nameOf(layer)} is ${module}.${className}, which is not a layer of Keras`);
  if (typeof registered === 'string' && registered !== className)
    throw new Error(`the layer ${nameOf(layer)} is ${registered}, which is not a layer of Keras`);
}

/**
 * A layer as TFJS describes it, without what only training needs (regularisers, constraints, initial weights). Layers
 * within it stay as they are.
 * @throws Error that names the layer, if nothing here computes the same as Keras
 */
export function settingsOf(layer: Description): { class_name: string; config: Json } {
  refuseForeign(layer);
  const { class_name: className } = layer;
  if (idleLayers.has(className))
    return { class_name: 'Activation', config: { name: nameOf(layer), activation: 'linear' } };
  if (!Object.hasOwn(kinds, className))
    throw new Error(`the layer ${nameOf(layer)} is ${className}, which is not computed here as in Keras`);
  const config = Object.fromEntries(Object.entries(layer.config).flatMap((entry) => settingOf(layer, entry)));
  return { class_name: className, config: { ...config, name: nameOf(layer) } };
}
