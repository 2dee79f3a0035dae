// Loads Keras models into TFJS: the HDF5 files of Keras 2 and 3 (.h5), the archives of Keras 3 (.keras), and what
// TFJS's converter makes of them (model.json).
import { buffer, json } from 'node:stream/consumers';
import { tf } from '@stillhouse/native/tfjs';
import { limits } from '@stillhouse/core';
import type { Group } from 'h5wasm';
import { artifactsOf } from '../model-file.js';
import { build, type BuiltLayer } from './build.js';
import { isObject } from './description.js';
import { readerOf, setNamedWeights, setOrderedWeights } from './weights.js';

/** Opens an HDF5 file while `use` runs. */
async function withHdf5<T>(bytes: Uint8Array, use: (file: Group) => Promise<T>): Promise<T> {
  const { default: hdf5, File } = await import('h5wasm');
  const { FS } = await hdf5.ready;
  FS.writeFile('model.h5', bytes);
  try {
    const file = new File('model.h5', 'r');
    if (file.file_id < 0n) throw new Error('its HDF5 file is damaged or incomplete');
    try {
      return await use(file);
    } finally {
      file.close();
    }
  } finally {
    FS.unlink('model.h5');
  }
}

/** @throws Error if a file contains a layer only */
function modelOf({ layer }: BuiltLayer): tf.LayersModel {
  if (layer instanceof tf.LayersModel) return layer;
  throw new Error('its configuration is not that of a model');
}

async function fromHdf5(bytes: Uint8Array): Promise<tf.LayersModel> {
  return withHdf5(bytes, async (file) => {
    const config = file.attrs['model_config']?.value;
    if (typeof config !== 'string')
      throw new Error('it contains only weights, or no Keras model: save the whole model');
    const built = await build(JSON.parse(config));
    const model = modelOf(built);
    setNamedWeights(built, file.get('model_weights') as Group, readerOf(file));
    return model;
  });
}

const largestUnpacked: Readonly<Record<string, number>> = {
  'config.json': limits.modelDescriptionBytes,
  'model.weights.h5': limits.modelWeightsBytes,
};

async function fromArchive(bytes: Uint8Array): Promise<tf.LayersModel> {
  const { fromBufferPromise } = await import('yauzl');
  const zip = await fromBufferPromise(Buffer.from(bytes), { lazyEntries: true }).catch((cause: unknown) => {
    throw new Error('it is neither an HDF5 file nor a complete .keras archive', { cause });
  });
  let config: unknown;
  let weights: Uint8Array | undefined;
  for await (const entry of zip.eachEntry()) {
    const limit = largestUnpacked[entry.fileName];
    // yauzl refuses an entry that unpacks to more than it declares.
    if (limit !== undefined && entry.uncompressedSize > limit)
      throw new Error(
        `its ${entry.fileName} unpacks to ${entry.uncompressedSize} bytes, and at most ${limit} are unpacked`,
      );
    if (entry.fileName === 'config.json') config = await json(await zip.openReadStreamPromise(entry));
    if (entry.fileName === 'model.weights.h5') weights = await buffer(await zip.openReadStreamPromise(entry));
  }
  if (config === undefined || weights === undefined) throw new Error('it lacks config.json or model.weights.h5');
  const built = await build(config);
  const model = modelOf(built);
  await withHdf5(weights, (file) => Promise.resolve(setOrderedWeights(built, file, readerOf(file))));
  return model;
}

const hdf5Signature = [0x89, 0x48, 0x44, 0x46];

/**
 * A complete model that Keras saved, with its weights.
 * @param bytes bytes of an .h5 file or a .keras archive
 * @throws Error that names what TFJS does not support
 */
export const loadKeras = (bytes: Uint8Array): Promise<tf.LayersModel> =>
  hdf5Signature.every((byte, i) => bytes[i] === byte) ? fromHdf5(bytes) : fromArchive(bytes);

/**
 * A model of layers that was converted from Keras, which describes it as Keras does.
 * @param json contents of its model.json
 * @param weights contents of its shards, one after the other
 * @returns undefined if TFJS saved it, so that TFJS computes what it says
 * @throws Error that names the layer that is not computed here as in Keras
 */
export async function loadConverted(json: string, weights: Uint8Array): Promise<tf.LayersModel | undefined> {
  const { modelTopology, weightData, weightSpecs } = artifactsOf(json, weights);
  const config = (modelTopology as Record<string, unknown>)['model_config'];
  if (!isObject(config)) return undefined;
  const model = modelOf(await build(config));
  const values = tf.io.decodeWeights(weightData as ArrayBuffer, weightSpecs!);
  const isOfModel = new Set(weightSpecs!.filter(({ group }) => group !== 'optimizer').map(({ name }) => name));
  model.loadWeights(Object.fromEntries(Object.entries(values).filter(([name]) => isOfModel.has(name))));
  tf.dispose(values);
  return model;
}
