// Finds the weights of a Keras model in its file, for each layer of the same model in TFJS.
import { tf } from '@stillhouse/native/tfjs';
import type { Dataset, Group } from 'h5wasm';
import type { BuiltLayer } from './build.js';

/** An array of a file. @throws Error before it is read, if it has not the shape that the layer's weight has */
type Read = (path: string, weight: { readonly layer: string; readonly shape: readonly (number | null)[] }) => tf.Tensor;

export function readerOf(file: Group): Read {
  return (path, { layer, shape }) => {
    const dataset = file.get(path) as Dataset;
    const given = dataset.shape ?? [];
    if (given.length !== shape.length || given.some((size, axis) => size !== shape[axis]))
      throw new Error(
        `the layer ${layer} has a weight of shape [${shape.join(', ')}], but the file has [${given.join(', ')}] for it`,
      );
    return tf.tensor(Float32Array.from(dataset.value as ArrayLike<number>), given);
  };
}

function put(layer: tf.layers.Layer, paths: readonly string[], read: Read): void {
  if (paths.length !== layer.weights.length)
    throw new Error(
      `the layer ${layer.name} has ${layer.weights.length} weights, but the file has ${paths.length} for it`,
    );
  const values = paths.map((path, i) => read(path, { layer: layer.name, shape: layer.weights[i].shape }));
  layer.setWeights(values);
  tf.dispose(values);
}

/** A list of names in a group's attributes; long lists are stored in pieces. */
function namesIn(group: Group, key: string): string[] {
  const pieces =
    key in group.attrs
      ? [key]
      : Object.keys(group.attrs)
          .filter((name) => new RegExp(`^${key}\\d+$`).test(name))
          .sort((a, b) => Number(a.slice(key.length)) - Number(b.slice(key.length)));
  // An empty list has the type of numbers.
  return pieces
    .flatMap((piece) => [...(group.attrs[piece].value as Iterable<unknown>)])
    .filter((name) => typeof name === 'string');
}

/** In an HDF5 file: a group per layer lists its weights by name; those of a nested model are named by its layers. */
export function setNamedWeights({ inner }: BuiltLayer, root: Group, read: Read): void {
  const set = ({ layer, inner: within, className }: BuiltLayer, paths: readonly string[]): void => {
    if (className === 'TimeDistributed') return set(within[0], paths);
    if (!(layer instanceof tf.LayersModel)) return put(layer, paths, read);
    for (const each of within) {
      const own = paths.filter((path) => path.split('/').includes(each.layer.name));
      // Weights are named by layers, not always by the models that these are in.
      set(each, own.length === 0 && each.layer instanceof tf.LayersModel ? paths : own);
    }
  };
  for (const each of inner) {
    const { name } = each.layer;
    const group = root.get(name) as Group | null;
    set(each, group ? namesIn(group, 'weight_names').map((path) => `${root.path}/${name}/${path}`) : []);
  }
}

/** The name that Keras derives from a class. */
const snakeCase = (name: string): string =>
  name
    .replaceAll(/\W+/g, '')
    .replaceAll(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** A layer's own arrays, 0, 1, …, then those of the layers within it: a recurrent one's cell, or two directions. */
function variablesIn(group: Group): string[] {
  const own = group.get('vars') as Group | null;
  const keys = (own?.keys() ?? []).filter((key) => /^\d+$/.test(key)).sort((a, b) => Number(a) - Number(b));
  const within = ['cell', 'forward_layer', 'backward_layer'].map((key) => group.get(key) as Group | null);
  return [...keys.map((key) => `${own!.path}/${key}`), ...within.flatMap((inner) => (inner ? variablesIn(inner) : []))];
}

/** In a .keras archive: groups named by the classes of layers, in Keras's order. */
export function setOrderedWeights(built: BuiltLayer, group: Group | null, read: Read): void {
  const { layer, inner, className } = built;
  if (className === 'TimeDistributed') return setOrderedWeights(inner[0], child(group, 'layer'), read);
  if (!(layer instanceof tf.LayersModel)) return put(layer, group ? variablesIn(group) : [], read);
  const seen = new Map<string, number>();
  for (const each of inner) {
    const kind = snakeCase(each.className);
    const nth = seen.get(kind) ?? 0;
    seen.set(kind, nth + 1);
    setOrderedWeights(each, child(group, `layers/${kind}${nth ? `_${nth}` : ''}`), read);
  }
}

const child = (group: Group | null, path: string): Group | null => (group?.get(path) ?? null) as Group | null;
