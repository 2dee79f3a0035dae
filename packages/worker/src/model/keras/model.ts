// Loads Keras models into TFJS: the HDF5 files of Keras 2 and 3 (.h5), and the archives of Keras 3 (.keras).
import { buffer, json } from 'node:stream/consumers';
import { tf } from '@stillhouse/native/tfjs';
import type { Group } from 'h5wasm';
import { topologyOf } from './topology.js';
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

const build = (config: unknown): Promise<tf.LayersModel> => tf.models.modelFromJSON(topologyOf(config) as never);

async function fromHdf5(bytes: Uint8Array): Promise<tf.LayersModel> {
  return withHdf5(bytes, async (file) => {
    const config = file.attrs['model_config']?.value;
    if (typeof config !== 'string')
      throw new Error('it contains only weights, or no Keras model: save the whole model');
    const model = await build(JSON.parse(config));
    setNamedWeights(model, file.get('model_weights') as Group, readerOf(file));
    return model;
  });
}

async function fromArchive(bytes: Uint8Array): Promise<tf.LayersModel> {
  const { fromBufferPromise } = await import('yauzl');
  const zip = await fromBufferPromise(Buffer.from(bytes), { lazyEntries: true }).catch((cause: unknown) => {
    throw new Error('it is neither an HDF5 file nor a complete .keras archive', { cause });
  });
  let config: unknown;
  let weights: Uint8Array | undefined;
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === 'config.json') config = await json(await zip.openReadStreamPromise(entry));
    if (entry.fileName === 'model.weights.h5') weights = await buffer(await zip.openReadStreamPromise(entry));
  }
  if (config === undefined || weights === undefined) throw new Error('it lacks config.json or model.weights.h5');
  const model = await build(config);
  await withHdf5(weights, (file) => Promise.resolve(setOrderedWeights(model, file, readerOf(file))));
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
