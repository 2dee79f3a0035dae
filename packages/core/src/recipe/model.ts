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
const padding = z.enum(['valid', 'same']);

const layer = z.union([
  z.literal('flatten'),
  z.literal('batchNormalization'),
  z.literal('layerNormalization'),
  z.literal('globalAveragePooling2d'),
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
    depthwiseConv2d: size2d.describe('Kernel size.'),
    strides: size2d.optional(),
    padding: padding.optional(),
    activation: activation.optional(),
  }),
  z.strictObject({ maxPooling2d: size2d, strides: size2d.optional(), padding: padding.optional() }),
  z.strictObject({ averagePooling2d: size2d, strides: size2d.optional(), padding: padding.optional() }),
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
