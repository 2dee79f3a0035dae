// The model of a recipe: a short list of layers, a topology, or a module.
import { z } from 'zod';
import { limits } from '../error/limits.js';
import { count, fraction, positive } from './fields.js';

export const activations = [
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'gelu',
  'sigmoid',
  'tanh',
  'softplus',
  'softsign',
  'swish',
  'mish',
  'softmax',
] as const;
const activation = z
  .enum(activations)
  .describe('Activation function. Leave the last layer linear: losses for classes expect logits.');
const size2d = z.union([count(1024), z.tuple([count(1024), count(1024)])]);
const size1d = count(1024);
const padding = z.enum(['valid', 'same']);
const window1d = { strides: size1d.optional(), padding: padding.optional() };

const units = count(1e5).describe('Units.');
const returnSequences = z.boolean().optional().describe('Outputs every step of the sequence, not only the last one.');
const recurrent = [
  z.strictObject({ lstm: units, returnSequences }),
  z.strictObject({ gru: units, returnSequences }).describe('The reset gate is applied before the matrix product.'),
  z.strictObject({ simpleRnn: units, returnSequences }),
] as const;

const layer = z.union([
  z.literal('flatten'),
  z.literal('batchNormalization'),
  z.literal('layerNormalization'),
  z.literal('globalAveragePooling1d'),
  z.literal('globalAveragePooling2d'),
  z.literal('globalMaxPooling1d'),
  z.literal('globalMaxPooling2d'),
  z.strictObject({
    dense: count(1e7).describe('Units.'),
    activation: activation.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    conv2d: count(1e5).describe('Filters.'),
    kernel: size2d,
    strides: size2d.optional(),
    padding: padding.optional(),
    activation: activation.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    conv1d: count(1e5).describe('Filters.'),
    kernel: size1d,
    ...window1d,
    activation: activation.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    depthwiseConv2d: size2d.describe('Kernel size.'),
    strides: size2d.optional(),
    padding: padding.optional(),
    activation: activation.optional(),
  }),
  z.strictObject({ maxPooling2d: size2d, strides: size2d.optional(), padding: padding.optional() }),
  z.strictObject({ averagePooling2d: size2d, strides: size2d.optional(), padding: padding.optional() }),
  z.strictObject({ maxPooling1d: size1d, ...window1d }),
  z.strictObject({ averagePooling1d: size1d, ...window1d }),
  z
    .strictObject({
      embedding: count(1e5).describe('Length of the vector of an index.'),
      inputDim: count(limits.categoryCount + 1).describe('Number of indices: inputs are 0 to inputDim − 1.'),
    })
    .describe('A trained vector per index. Inputs are columns with category: index, or tensors of whole numbers.'),
  ...recurrent,
  z
    .strictObject({
      bidirectional: z.union([...recurrent]),
      merge: z.enum(['concat', 'sum', 'mul', 'ave']).optional().describe('How both outputs become one.'),
    })
    .describe('A recurrent layer and another one that reads the sequence backwards.'),
  z.strictObject({ dropout: fraction.describe('Share of units dropped.') }),
  z.strictObject({ gaussianNoise: positive.describe('Standard deviation.') }),
  z.strictObject({ activation }),
  z.strictObject({ reshape: z.array(count(1e7)).min(1) }),
]);

export const modelSchema = z.union([
  z.strictObject({ layers: z.array(layer).min(1).max(limits.layerCount) }).describe('A short list of layers.'),
  z
    .strictObject({ topology: z.string().min(1) })
    .describe(
      'Path of a TFJS model.json, or of a file with only its topology. Its weights are not read: training ' +
        'starts from new initial weights.',
    ),
  z
    .strictObject({ module: z.string().min(1), export: z.string().min(1).default('default') })
    .describe(
      'A JavaScript module that exports ({ tf, inputShape, outputs, seed }) => tf.LayersModel. It must be ' +
        'self-contained: no imports of its own.',
    ),
]);

export type ModelConfig = z.output<typeof modelSchema>;
export type LayerConfig = z.output<typeof layer>;

/** The number of indices of an embedding that reads a model's inputs, and its place in the list of layers. */
export function embeddingOf(model: ModelConfig): { readonly layer: number; readonly inputDim: number } | undefined {
  if (!('layers' in model)) return undefined;
  const index = model.layers.findIndex((each) => !isShaping(each));
  const first = model.layers[index];
  return typeof first === 'object' && 'embedding' in first ? { layer: index, inputDim: first.inputDim } : undefined;
}

/** Whether a layer only arranges its inputs differently. */
export const isShaping = (each: LayerConfig): boolean =>
  each === 'flatten' || (typeof each === 'object' && 'reshape' in each);
