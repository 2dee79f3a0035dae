// A model on its way out of an engine and back in.
import * as tf from '@tensorflow/tfjs';
import { bytesOf, floatsOf, type ExportedModel } from '@stillhouse/core';
import type { FlatModel } from './flat-model.js';

/** The weights in the order of model.weights, as little-endian fp32. */
export async function weightBytes(model: tf.LayersModel): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const weight of model.weights) parts.push(bytesOf((await weight.read().data())));
  return Buffer.concat(parts);
}

/** Puts in what weightBytes() of the same model gave. */
export function setWeights(model: tf.LayersModel, bytes: Uint8Array): void {
  const floats = floatsOf(bytes);
  let offset = 0;
  for (const weight of model.weights) {
    const { size } = weight.read();
    const value = tf.tensor(floats.slice(offset, offset + size), weight.shape as number[]);
    weight.write(value);
    value.dispose();
    offset += size;
  }
}

/** The model as one message. */
export async function exportModel(flat: FlatModel): Promise<ExportedModel> {
  const { model } = flat;
  const trainable = new Set(model.trainableWeights);
  const weights = model.weights.map((weight) => ({ name: weight.originalName, shape: weight.shape as number[], trainable: trainable.has(weight) }));
  return { topology: JSON.stringify(model.toJSON(undefined, false)), weights, data: await weightBytes(model), parameters: flat.ownParameters.length };
}

/** Loads the model.json and weights.bin that modelFiles of core made. */
export function loadModel(json: string, weights: Uint8Array): Promise<tf.LayersModel> {
  const file = JSON.parse(json) as { modelTopology: object; weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[] };
  return tf.loadLayersModel(tf.io.fromMemory({ modelTopology: file.modelTopology, weightSpecs: file.weightsManifest[0].weights, weightData: new Uint8Array(weights).buffer }));
}
