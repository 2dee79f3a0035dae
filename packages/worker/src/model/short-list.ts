// From the short list of layers in a recipe to a tf.Sequential.
import { tf } from '@stillhouse/native/tfjs';
import { firstLineOf, StillhouseError, type LayerConfig } from '@stillhouse/core';
import { startOrthogonal } from './orthogonal.js';

type Options = Record<string, unknown>;
type ObjectLayer = Exclude<LayerConfig, string>;
/** The entry of a kind. */
type Layer<Kind extends PropertyKey> = Extract<ObjectLayer, Readonly<Record<Kind, unknown>>>;

const pair = (size: number | readonly number[]): number | number[] => (typeof size === 'number' ? size : [...size]);

const activationOf = ({ activation }: { activation?: string | undefined }): Options =>
  activation ? { activation } : {};

function windowOf(layer: { strides?: number | readonly number[] | undefined; padding?: string | undefined }): Options {
  return {
    ...(layer.strides === undefined ? {} : { strides: pair(layer.strides) }),
    ...(layer.padding ? { padding: layer.padding } : {}),
  };
}

const convolutionOf = (layer: Layer<'conv1d'> | Layer<'conv2d'>): Options => ({
  kernelSize: pair(layer.kernel),
  useBias: layer.bias ?? true,
  ...windowOf(layer),
  ...activationOf(layer),
});

/** Keras's defaults; TFJS's own differ. */
const recurrentOf = (units: number, { returnSequences }: { returnSequences?: boolean | undefined }): Options => ({
  units,
  returnSequences: returnSequences ?? false,
  kernelInitializer: 'glorotUniform',
});

/** The options of TFJS's layer, per kind. */
const optionsOf = {
  dense: (layer: Layer<'dense'>) => ({ units: layer.dense, useBias: layer.bias ?? true, ...activationOf(layer) }),
  conv1d: (layer: Layer<'conv1d'>) => ({ filters: layer.conv1d, ...convolutionOf(layer) }),
  conv2d: (layer: Layer<'conv2d'>) => ({ filters: layer.conv2d, ...convolutionOf(layer) }),
  depthwiseConv2d: (layer: Layer<'depthwiseConv2d'>) => ({
    kernelSize: pair(layer.depthwiseConv2d),
    ...windowOf(layer),
    ...activationOf(layer),
  }),
  maxPooling1d: (layer: Layer<'maxPooling1d'>) => ({ poolSize: layer.maxPooling1d, ...windowOf(layer) }),
  maxPooling2d: (layer: Layer<'maxPooling2d'>) => ({ poolSize: pair(layer.maxPooling2d), ...windowOf(layer) }),
  averagePooling1d: (layer: Layer<'averagePooling1d'>) => ({ poolSize: layer.averagePooling1d, ...windowOf(layer) }),
  averagePooling2d: (layer: Layer<'averagePooling2d'>) => ({
    poolSize: pair(layer.averagePooling2d),
    ...windowOf(layer),
  }),
  embedding: ({ embedding: outputDim, inputDim }: Layer<'embedding'>) => ({ inputDim, outputDim }),
  lstm: (layer: Layer<'lstm'>) => ({
    ...recurrentOf(layer.lstm, layer),
    recurrentActivation: 'sigmoid',
    unitForgetBias: true,
  }),
  gru: (layer: Layer<'gru'>) => ({ ...recurrentOf(layer.gru, layer), recurrentActivation: 'sigmoid' }),
  simpleRnn: (layer: Layer<'simpleRnn'>) => recurrentOf(layer.simpleRnn, layer),
  dropout: ({ dropout: rate }: Layer<'dropout'>) => ({ rate }),
  gaussianNoise: ({ gaussianNoise: stddev }: Layer<'gaussianNoise'>) => ({ stddev }),
  reshape: ({ reshape: targetShape }: Layer<'reshape'>) => ({ targetShape }),
  activation: ({ activation }: Layer<'activation'>) => ({ activation }),
} satisfies Record<string, (layer: never) => Options>;

const methods = tf.layers as unknown as Readonly<Record<string, (options: Options) => tf.layers.Layer>>;

const kindOf = (layer: LayerConfig): string => (typeof layer === 'string' ? layer : Object.keys(layer)[0]);

/** @param common its name and, for the first layer, the input shape */
function layerOf(layer: LayerConfig, common: Options): tf.layers.Layer {
  const kind = kindOf(layer);
  if (typeof layer === 'string') return methods[layer](common);
  if ('bidirectional' in layer) {
    const inner = layerOf(layer.bidirectional, { name: `${String(common['name'])}_${kindOf(layer.bidirectional)}` });
    const both = methods['bidirectional']({ ...common, layer: inner, mergeMode: layer.merge ?? 'concat' });
    return startOrthogonal(both);
  }
  const options = (optionsOf as unknown as Record<string, (of: ObjectLayer) => Options>)[kind](layer);
  const made = methods[kind === 'simpleRnn' ? 'simpleRNN' : kind]({ ...common, ...options });
  return startOrthogonal(made);
}

/**
 * @param spec.part teacher or student, for messages
 * @param spec.inputShape of one row
 * @throws StillhouseError MODEL_INVALID naming the layer
 */
export function fromLayers(
  layers: readonly LayerConfig[],
  { part, inputShape }: { readonly part: string; readonly inputShape: readonly number[] },
): tf.LayersModel {
  const model = tf.sequential({ name: part });
  const counts = new Map<string, number>();
  layers.forEach((layer, i) => {
    const kind = kindOf(layer);
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    try {
      // Explicit names: TFJS would count over all models of a process.
      model.add(layerOf(layer, { name: `${kind}_${count}`, ...(i === 0 ? { inputShape: [...inputShape] } : {}) }));
    } catch (cause) {
      throw new StillhouseError('MODEL_INVALID', `${part}.model.layers[${i}] (${kind}): ${firstLineOf(cause)}`, {
        cause,
      });
    }
  });
  return model;
}
