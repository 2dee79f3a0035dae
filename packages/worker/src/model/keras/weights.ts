// Finds the weights of a Keras model in its file, for each layer of the same model in TFJS.
import { tf } from '@stillhouse/native/tfjs';
import type { Dataset, Group } from 'h5wasm';

/** An array of a file, and its shape. */
type Read = (path: string) => tf.Tensor;

export function readerOf(file: Group): Read {
  return (path) => {
    const { value, shape } = file.get(path) as Dataset;
    return tf.tensor(Float32Array.from(value as ArrayLike<number>), shape ?? []);
  };
}

function put(layer: tf.layers.Layer, paths: readonly string[], read: Read): void {
  if (paths.length !== layer.weights.length)
    throw new Error(
      `the layer ${layer.name} has ${layer.weights.length} weights, but the file has ${paths.length} for it`,
    );
  const values = paths.map(read);
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
export function setNamedWeights(model: tf.LayersModel, root: Group, read: Read): void {
  const set = (layer: tf.layers.Layer, paths: readonly string[]): void => {
    if (!(layer instanceof tf.LayersModel)) return put(layer, paths, read);
    for (const inner of layer.layers)
      set(
        inner,
        paths.filter((path) => path.split('/').includes(inner.name)),
      );
  };
  for (const layer of model.layers) {
    const group = root.get(layer.name) as Group | null;
    set(layer, group ? namesIn(group, 'weight_names').map((name) => `${root.path}/${layer.name}/${name}`) : []);
  }
}

/** The name that Keras derives from a class. */
const snakeCase = (name: string): string =>
  name
    .replaceAll(/\W+/g, '')
    .replaceAll(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** A layer's own arrays, 0, 1, …, then those of the layer within it, such as a recurrent one's cell. */
function variablesIn(group: Group, layer: string): string[] {
  const own = group.get('vars') as Group | null;
  const inner = group.keys().filter((key) => key !== 'vars' && !key.startsWith('seed_generator'));
  if (inner.length > 1)
    throw new Error(`the layer ${layer} consists of ${inner.join(', ')}, whose weights are not read`);
  const keys = (own?.keys() ?? []).filter((key) => /^\d+$/.test(key)).sort((a, b) => Number(a) - Number(b));
  return [
    ...keys.map((key) => `${own!.path}/${key}`),
    ...inner.flatMap((key) => variablesIn(group.get(key) as Group, layer)),
  ];
}

/** In a .keras archive: groups named by the classes of layers, in order. */
export function setOrderedWeights(model: tf.LayersModel, root: Group, read: Read): void {
  const seen = new Map<string, number>();
  for (const layer of model.layers) {
    const kind = snakeCase(layer.getClassName());
    const nth = seen.get(kind) ?? 0;
    seen.set(kind, nth + 1);
    const group = root.get(`layers/${kind}${nth ? `_${nth}` : ''}`) as Group | null;
    if (layer instanceof tf.LayersModel) setOrderedWeights(layer, group!, read);
    else put(layer, group ? variablesIn(group, layer.name) : [], read);
  }
}
