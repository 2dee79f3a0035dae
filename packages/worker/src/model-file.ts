// A model on its way out of an engine and back in.
import * as tf from '@tensorflow/tfjs';
import { bytesOf, type ExportedModel } from '@stillhouse/core';
import type { FlatModel } from './flat-model.js';

/** The model as one message; weights in the order of model.weights, as little-endian fp32. */
export async function exportModel(flat: FlatModel): Promise<ExportedModel> {
  const { model } = flat;
  const trainable = new Set(model.trainableWeights);
  const weights: ExportedModel['weights'] = [];
  const parts: Uint8Array[] = [];
  for (const weight of model.weights) {
    weights.push({ name: weight.originalName, shape: weight.shape as number[], trainable: trainable.has(weight) });
    parts.push(bytesOf((await weight.read().data()) as Float32Array));
  }
  return { topology: JSON.stringify(model.toJSON(undefined, false)), weights, data: Buffer.concat(parts), parameters: flat.parameters.length };
}

/** Loads the model.json and weights.bin that modelFiles of core made. */
export function loadModel(json: string, weights: Uint8Array): Promise<tf.LayersModel> {
  const file = JSON.parse(json) as { modelTopology: object; weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[] };
  return tf.loadLayersModel(tf.io.fromMemory({ modelTopology: file.modelTopology, weightSpecs: file.weightsManifest[0].weights, weightData: new Uint8Array(weights).buffer }));
}
