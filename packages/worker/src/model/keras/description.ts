// What Keras writes about a model: layers with their settings, and the calls that connect them.
import { z } from 'zod';
import { idleLayers } from './idle-layers.js';

export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A layer, or a model, which is one. */
const layerSchema = z.looseObject({
  class_name: z.string(),
  config: z.record(z.string(), z.unknown()),
  module: z.string().nullish(),
  registered_name: z.string().nullish(),
  name: z.string().optional(),
  inbound_nodes: z.array(z.unknown()).optional(),
});
export type Description = z.output<typeof layerSchema>;

/** A layer's name and class, for errors. */
export const titleOf = (layer: Description): string => {
  const { class_name: className } = layer;
  const name = nameOf(layer);
  return name === className ? `the layer ${name}` : `the layer ${name} (${className})`;
};

export const nameOf = ({ class_name: className, config, name }: Description): string =>
  typeof config['name'] === 'string' ? config['name'] : (name ?? className);

/** @throws Error if it is no layer */
export function describe(value: unknown): Description {
  // A sequential model's configuration was once the list of its layers.
  const isList = isObject(value) && Array.isArray(value['config']);
  const { success, data } = layerSchema.safeParse(isList ? { ...value, config: { layers: value['config'] } } : value);
  if (!success) throw new Error('its configuration is not that of a model');
  return data;
}

const modelClasses = ['Sequential', 'Functional', 'Model'];

/** Whether it consists of layers. */
export const isModel = ({ class_name: className }: Description): boolean => modelClasses.includes(className);

/** The layers of a model. */
export const layersOf = ({ config }: Description): Description[] =>
  z
    .array(z.unknown())
    .parse(config['layers'] ?? [])
    .map(describe);

/** A tensor: output number `tensor` of call number `call` of a layer. */
export interface TensorReference {
  readonly layer: string;
  readonly call: number;
  readonly tensor: number;
}

/** A call of a layer; `isList` if it takes a list of tensors. */
export interface Call {
  readonly inputs: readonly TensorReference[];
  readonly isList: boolean;
}

const historySchema = z.tuple([z.string(), z.int(), z.int()]).rest(z.unknown());
const tensorSchema = z.object({
  class_name: z.literal('__keras_tensor__'),
  config: z.object({ keras_history: historySchema }),
});

const referenceOf = ([layer, call, tensor]: z.output<typeof historySchema>): TensorReference => ({
  layer,
  call,
  tensor,
});

/** Arguments of a call that change nothing in inference. */
function refuseArguments(layer: Description, given: unknown): void {
  for (const [key, value] of Object.entries(isObject(given) ? given : {}))
    if (value !== null && value !== undefined && !(key === 'training' && value === false))
      throw new Error(
        `${titleOf(layer)} is called with ${key}${typeof value === 'object' ? '' : ` ${JSON.stringify(value)}`}, ` +
          'which is not computed here as in Keras',
      );
}

/** Keras 3's { args, kwargs }: one argument, which is a tensor or a list of tensors. */
function newCall(layer: Description, { args, kwargs }: Json): Call {
  // Layers that augment have it by default, but not in a model's inference.
  const { training, ...others } = isObject(kwargs) ? kwargs : {};
  refuseArguments(layer, idleLayers.has(layer.class_name) ? others : { training, ...others });
  const [inputs, ...more] = Array.isArray(args) ? (args as unknown[]) : [];
  const list = Array.isArray(inputs) ? (inputs as unknown[]) : [inputs];
  const tensors = list.map((each) => tensorSchema.safeParse(each).data);
  if (tensors.some((each) => each === undefined) || more.some((each) => each !== null))
    throw new Error(`${titleOf(layer)} is not called with one tensor or one list of tensors, as layers are here`);
  return { inputs: tensors.map((each) => referenceOf(each!.config.keras_history)), isList: Array.isArray(inputs) };
}

/** Keras 2's list of [layer, call, tensor, kwargs]. */
function oldCall(layer: Description, call: unknown): Call {
  const histories = z.array(historySchema).parse(call);
  for (const [, , , given] of histories) refuseArguments(layer, given);
  return { inputs: histories.map(referenceOf), isList: histories.length > 1 };
}

/**
 * The calls of a layer, in order.
 * @throws Error that names the layer, if a call has arguments other than tensors
 */
export const callsOf = (layer: Description): Call[] =>
  (layer.inbound_nodes ?? []).map((call) => (isObject(call) ? newCall(layer, call) : oldCall(layer, call)));

/** A model's inputs or outputs: a list of [layer, call, tensor]; Keras 3 writes a single one without the list. */
function endsOf(model: Description, key: string): TensorReference[] {
  const ends = model.config[key];
  const list = Array.isArray(ends) && typeof ends[0] === 'string' ? [ends] : ends;
  const { success, data } = z.array(historySchema).safeParse(list);
  if (!success) throw new Error(`${titleOf(model)} does not have a list of tensors as its ${key.replace('_', ' ')}`);
  return data.map(referenceOf);
}

/** How a model's layers are connected, with calls counted from 0. */
export interface Connections {
  readonly calls: ReadonlyMap<string, readonly Call[]>;
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
}

/**
 * Calls of a model within a model may be counted from 1: always in Keras 2's older files; in Keras 3 only those that a
 * model's outputs name, if the inner model is a functional one.
 */
export function connectionsOf(model: Description): Connections {
  const layers = layersOf(model);
  const calls = new Map(layers.map((layer) => [nameOf(layer), callsOf(layer)]));
  const outputs = endsOf(model, 'output_layers');
  const isNew = layers.some(({ inbound_nodes: nodes }) => nodes?.some(isObject));
  const fromOne = new Set(
    layers
      .filter((layer) => {
        if (!isModel(layer)) return false;
        if (isNew) return layer.class_name !== 'Sequential';
        const references = [...calls.values()].flatMap((each) => each.flatMap(({ inputs }) => inputs)).concat(outputs);
        const named = references.filter((each) => each.layer === nameOf(layer)).map(({ call }) => call);
        return Math.max(...named) === calls.get(nameOf(layer))!.length;
      })
      .map(nameOf),
  );
  const counted = (reference: TensorReference): TensorReference =>
    fromOne.has(reference.layer) ? { ...reference, call: reference.call - 1 } : reference;
  return {
    calls: isNew
      ? calls
      : new Map(
          [...calls].map(([name, each]) => [name, each.map((call) => ({ ...call, inputs: call.inputs.map(counted) }))]),
        ),
    inputs: endsOf(model, 'input_layers'),
    outputs: outputs.map(counted),
  };
}
