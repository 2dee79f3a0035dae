// Layers of a model by name, for terms that compare their outputs.
import { tf } from '@stillhouse/native/tfjs';
import { StillhouseError } from '@stillhouse/core';

export interface NamedLayer {
  readonly name: string;
  /** Shape of one row's output. */
  readonly shape: readonly number[];
}

/** Layers that only disturb features, and only in training. */
const isNoise = (layer: tf.layers.Layer): boolean =>
  ['Dropout', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'SpatialDropout1D'].includes(layer.getClassName());

const sourceOf = (layer: tf.layers.Layer): tf.layers.Layer => (layer.input as tf.SymbolicTensor).sourceLayer;

/** The layer whose outputs are the inputs of the last layer with weights. */
function penultimate(model: tf.LayersModel): tf.layers.Layer {
  let layer = sourceOf(model.layers.findLast((each) => each.weights.length > 0)!);
  while (isNoise(layer)) layer = sourceOf(layer);
  return layer;
}

/**
 * @param wanted.name by default the layer before the last one with weights
 * @param wanted.part teacher or student
 * @param wanted.where path of the name in the recipe
 * @throws StillhouseError MODEL_LAYER
 */
export function layerOf(
  model: tf.LayersModel,
  wanted: { name: string | undefined; part: string; where: string },
): NamedLayer {
  const { name, part, where } = wanted;
  const known = (): string =>
    model.layers
      .filter((layer) => layer.getClassName() !== 'InputLayer')
      .map((layer) => layer.name)
      .join(', ');
  const found = name === undefined ? penultimate(model) : model.layers.find((layer) => layer.name === name);
  if (!found)
    throw new StillhouseError(
      'MODEL_LAYER',
      `${where} names the layer ${name}, which the ${part} does not have; it has ${known()}`,
    );
  if (found.getClassName() === 'InputLayer')
    throw new StillhouseError(
      'MODEL_LAYER',
      `${where} is not given, and the ${part} has no layer before its last one; it has ${known()}`,
    );
  const shape = (found.outputShape as (number | null)[]).slice(1);
  if (Array.isArray(found.outputShape[0]) || shape.some((size) => size === null))
    throw new StillhouseError(
      'MODEL_LAYER',
      `${where} names the layer ${found.name} of the ${part}, whose outputs have no fixed shape`,
    );
  return { name: found.name, shape: shape as number[] };
}

/** A model's outputs, and those of the named layers. */
export type Forward = (
  x: tf.Tensor,
  training: boolean,
) => { outputs: tf.Tensor2D; features: ReadonlyMap<string, tf.Tensor> };

/** A model's forward pass that also returns features. The weights are the model's own. */
export function forwardOf(model: tf.LayersModel, layers: Iterable<string>): Forward {
  const names = [...new Set(layers)];
  if (names.length === 0)
    return (x, training) => ({ outputs: model.apply(x, { training }) as tf.Tensor2D, features: new Map() });
  const whole = tf.model({
    inputs: model.inputs,
    outputs: [model.outputs[0], ...names.map((name) => model.getLayer(name).output as tf.SymbolicTensor)],
  });
  return (x, training) => {
    const [outputs, ...features] = whole.apply(x, { training }) as tf.Tensor[];
    return { outputs: outputs as tf.Tensor2D, features: new Map(features.map((feature, i) => [names[i], feature])) };
  };
}
