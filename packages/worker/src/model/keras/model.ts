// Loads Keras models into TFJS: the HDF5 files of Keras 2 and 3 (.h5), the archives of Keras 3 (.keras), and what
// TFJS's converter makes of them (model.json).
import type { Readable } from 'node:stream';
import { buffer, json } from 'node:stream/consumers';
import { tf } from '@stillhouse/native/tfjs';
import type { Group } from 'h5wasm';
import type { Entry } from 'yauzl';
import { formatCount, limits } from '@stillhouse/core';
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

/** In an archive, weights come with the optimiser's, in up to 64 bits each. */
const bytesPerWeight = 32;

async function fromArchive(bytes: Uint8Array): Promise<tf.LayersModel> {
  const { fromBufferPromise } = await import('yauzl');
  const zip = await fromBufferPromise(Buffer.from(bytes), { lazyEntries: true }).catch((cause: unknown) => {
    throw new Error('it is neither an HDF5 file nor a complete .keras archive', { cause });
  });
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  const [config, weights] = [entries.get('config.json'), entries.get('model.weights.h5')];
  if (!config || !weights) throw new Error('it lacks config.json or model.weights.h5');
  const unpack = (entry: Entry, mostBytes: number): Promise<Readable> => {
    // The size that an entry announces is what yauzl holds it to.
    if (entry.uncompressedSize > mostBytes)
      throw new Error(
        `its ${entry.fileName} takes ${formatCount(entry.uncompressedSize)} bytes, and a model like this at most ` +
          formatCount(mostBytes),
      );
    return zip.openReadStreamPromise(entry);
  };
  const built = await build(await json(await unpack(config, limits.modelConfigBytes)));
  const model = modelOf(built);
  const most = limits.modelConfigBytes + bytesPerWeight * model.countParams();
  const file = await buffer(await unpack(weights, most));
  await withHdf5(file, (hdf5) => Promise.resolve(setOrderedWeights(built, hdf5, readerOf(hdf5))));
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
