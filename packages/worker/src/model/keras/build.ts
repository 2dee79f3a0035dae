// Builds a Keras model in TFJS from its description: layer by layer, and call by call.
import { tf } from '@stillhouse/native/tfjs';
import { firstLineOf } from '@stillhouse/core';
import {
  connectionsOf,
  describe,
  isModel,
  layersOf,
  nameOf,
  titleOf,
  type Connections,
  type Description,
  type Json,
  type TensorReference,
} from './description.js';
import { appliesMasks, makesMask } from './masks.js';
import { registerResetAfterGru, resetAfterGru } from './reset-after-gru.js';
import { refuseForeign, settingsOf } from './settings.js';

type Tensor = tf.SymbolicTensor;

/** A layer of the model that was built, with those within it in Keras's order. */
export interface BuiltLayer {
  readonly className: string;
  readonly layer: tf.layers.Layer;
  readonly inner: readonly BuiltLayer[];
}

/** A layer of TFJS, which modelFromJSON makes as well as models. */
const make = async (description: { class_name: string; config: Json }): Promise<tf.layers.Layer> =>
  tf.models.modelFromJSON(description as never);

/** A recurrent layer; TFJS's GRU only computes what Keras does without reset_after. */
function recurrentSettings(layer: Description): { class_name: string; config: Json } {
  const { class_name: className, config } = settingsOf(layer);
  const { reset_after: resetAfter, ...others } = config;
  if (className !== 'GRU' || resetAfter !== true) return { class_name: className, config: others };
  registerResetAfterGru();
  return { class_name: resetAfterGru, config: others };
}

/** What both directions must have in common: TFJS makes the backward layer from the forward one. */
const sharedSettings = (layer: Description): string => {
  const { class_name: className, config } = recurrentSettings(layer);
  const { name: _name, go_backwards: _direction, ...others } = config;
  return JSON.stringify([className, Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))]);
};

async function bidirectional(layer: Description): Promise<BuiltLayer> {
  const { config } = settingsOf(layer);
  if (config['merge_mode'] === undefined)
    throw new Error(`${titleOf(layer)} has no merge_mode, which is not computed here as in Keras`);
  const forward = describe(config['layer']);
  if (!['LSTM', 'GRU', 'SimpleRNN'].includes(forward.class_name) || forward.config['go_backwards'] === true)
    throw new Error(`${titleOf(layer)} goes over ${titleOf(forward)}, which is not computed here as in Keras`);
  if (config['backward_layer'] !== undefined) {
    const backward = describe(config['backward_layer']);
    if (backward.config['go_backwards'] !== true || sharedSettings(backward) !== sharedSettings(forward))
      throw new Error(
        `${titleOf(layer)} has a backward_layer with other settings than its layer, which is not computed here as in ` +
          'Keras',
      );
  }
  const made = await make({
    class_name: 'Bidirectional',
    config: { name: nameOf(layer), merge_mode: config['merge_mode'], layer: recurrentSettings(forward) },
  });
  return { className: layer.class_name, layer: made, inner: [] };
}

async function timeDistributed(layer: Description): Promise<BuiltLayer> {
  const { config } = settingsOf(layer);
  const inner = await build(config['layer']);
  return {
    className: layer.class_name,
    layer: tf.layers.timeDistributed({ name: nameOf(layer), layer: inner.layer }),
    inner: [inner],
  };
}

/** Layers that work along one axis, which TFJS only takes right if it is the last. */
const onLastAxis = ['BatchNormalization', 'Softmax'];
/** TFJS normalises tensors of at most this rank. */
const normalizedRank = 4;

/** @param shape of the layer's input, with rows */
function refuseInput(layer: Description, shape: readonly (number | null)[]): void {
  const { class_name: className, config } = layer;
  if (className === 'TimeDistributed') return refuseInput(describe(config['layer']), [shape[0], ...shape.slice(2)]);
  if (className.endsWith('Normalization') && shape.length > normalizedRank)
    throw new Error(`${titleOf(layer)} gets a tensor of rank ${shape.length}, which is not computed here as in Keras`);
  if (!onLastAxis.includes(className)) return;
  const [axis, ...others] = [config['axis'] ?? -1].flat() as number[];
  if (others.length > 0 || (axis !== -1 && axis !== shape.length - 1))
    throw new Error(
      `${titleOf(layer)} has axis ${JSON.stringify(config['axis'])}, which is not the last one and is not computed ` +
        'here as in Keras',
    );
}

/** Tensors that have a mask in Keras. */
type Masked = Set<Tensor>;

/** @throws Error that names the layer, if TFJS refuses its input */
function called(description: Description, { layer }: BuiltLayer, inputs: Tensor | Tensor[]): Tensor[] {
  try {
    return [layer.apply(inputs) as Tensor | Tensor[]].flat();
  } catch (cause) {
    throw new Error(`${titleOf(description)} is called in a way which is not computed here: ${firstLineOf(cause)}`, {
      cause,
    });
  }
}

/** Calls a layer on tensors of the model that is being built. */
function apply(
  { description, built, masked }: { description: Description; built: BuiltLayer; masked: Masked },
  inputs: readonly Tensor[],
  isList: boolean,
): Tensor[] {
  const isMasked = inputs.some((input) => masked.has(input));
  if (isMasked && appliesMasks(description))
    throw new Error(`${titleOf(description)} gets a mask, which is not applied here as in Keras`);
  refuseInput(description, inputs[0].shape);
  const outputs = called(description, built, isList ? [...inputs] : inputs[0]);
  if (isMasked || makesMask(description)) for (const output of outputs) masked.add(output);
  return outputs;
}

type Parts = readonly { description: Description; built: BuiltLayer }[];

/** A model of layers one after the other. */
function sequential(parts: Parts, name: string): tf.LayersModel {
  const masked: Masked = new Set();
  const [{ description: first, built: start }] = parts;
  const isInput = first.class_name === 'InputLayer';
  const shape = (first.config['batch_input_shape'] ?? startOf(start)) as (number | null)[] | undefined;
  if (!isInput && !shape) throw new Error(`${titleOf(first)} does not know the shape of its input`);
  const input = isInput
    ? (start.layer.output as Tensor)
    : tf.input({ batchShape: shape!, name: `${nameOf(first)}_input` });
  let tensor = input;
  for (const part of isInput ? parts.slice(1) : parts) {
    const [output, ...others] = apply({ ...part, masked }, [tensor], false);
    if (others.length > 0) throw new Error(`${titleOf(part.description)} has several outputs in a sequential model`);
    tensor = output;
  }
  return tf.model({ inputs: input, outputs: tensor, name });
}

/** The input shape of a model that is the first layer of another. */
const startOf = ({ layer }: BuiltLayer): (number | null)[] | undefined =>
  layer instanceof tf.LayersModel ? layer.inputs[0].shape : undefined;

/** A model whose layers are connected as described. */
function functional(parts: Parts, connections: Connections, name: string): tf.LayersModel {
  const masked: Masked = new Set();
  const outputs = new Map<string, Tensor[]>();
  const known = new Map(parts.map((part) => [nameOf(part.description), part]));
  const tensorOf = ({ layer, call, tensor }: TensorReference): Tensor => {
    const key = `${call} ${layer}`;
    const part = known.get(layer);
    if (!part) throw new Error(`a layer ${layer} is connected, but is not among the layers`);
    const given = connections.calls.get(layer)!;
    const made =
      outputs.get(key) ??
      (part.description.class_name === 'InputLayer'
        ? [part.built.layer.output as Tensor]
        : apply({ ...part, masked }, given[call].inputs.map(tensorOf), given[call].isList));
    outputs.set(key, made);
    return made[tensor];
  };
  return tf.model({ inputs: connections.inputs.map(tensorOf), outputs: connections.outputs.map(tensorOf), name });
}

async function buildModel(description: Description): Promise<BuiltLayer> {
  refuseForeign(description);
  const descriptions = layersOf(description);
  const name = nameOf(description);
  if (descriptions.length === 0) throw new Error(`the model ${name} has no layers`);
  const parts: { description: Description; built: BuiltLayer }[] = [];
  for (const each of descriptions) parts.push({ description: each, built: await build(each) });
  const layer =
    description.class_name === 'Sequential'
      ? sequential(parts, name)
      : functional(parts, connectionsOf(description), name);
  return { className: description.class_name, layer, inner: parts.map(({ built }) => built) };
}

async function buildLayer(description: Description): Promise<BuiltLayer> {
  const layer = await make(recurrentSettings(description));
  // Masks are refused where Keras applies them; TFJS would hand them on to layers that do not get them in Keras.
  layer.supportsMasking = false;
  return { className: description.class_name, layer, inner: [] };
}

/**
 * A layer or a model that computes what Keras does, without weights.
 * @param config its configuration in an HDF5 file or a .keras archive
 * @throws Error that names the layer, if nothing here computes the same
 */
export async function build(config: unknown): Promise<BuiltLayer> {
  const description = describe(config);
  if (isModel(description)) return buildModel(description);
  if (description.class_name === 'Bidirectional') return bidirectional(description);
  if (description.class_name === 'TimeDistributed') return timeDistributed(description);
  return buildLayer(description);
}
