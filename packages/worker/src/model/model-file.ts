// Exports a model from an engine, and loads it back.
import { tf } from '@stillhouse/native/tfjs';
import { z } from 'zod';
import { bytesOf, floatsOf, type ExportedModel } from '@stillhouse/core';
import type { FlatModel } from '../flat/model.js';

/** The weights in the order of model.weights, as little-endian fp32. */
export async function weightBytes(model: tf.LayersModel): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const weight of model.weights) parts.push(bytesOf(await weight.read().data()));
  return Buffer.concat(parts);
}

/** Sets weights from weightBytes() of the same model. */
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
  const weights = model.weights.map((weight) => ({
    name: weight.originalName,
    shape: weight.shape as number[],
    trainable: trainable.has(weight),
  }));
  return {
    topology: JSON.stringify(model.toJSON(undefined, false)),
    weights,
    data: await weightBytes(model),
    parameters: flat.ownParameters.length,
  };
}

const weightSpec = z.custom<tf.io.WeightsManifestEntry>(
  (spec) => z.looseObject({ name: z.string(), shape: z.array(z.int()), dtype: z.string() }).safeParse(spec).success,
);

/** What is read here of a model.json; TFJS checks the rest. */
const modelJson = z.looseObject({
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.looseObject({ weights: z.array(weightSpec) })),
});

/** What TFJS loads from: a model.json, and the concatenated bytes of its shards. */
export function artifactsOf(json: string, weights: Uint8Array): tf.io.ModelArtifacts {
  const { weightsManifest, ...file } = modelJson.parse(JSON.parse(json));
  return {
    ...file,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: new Uint8Array(weights).buffer,
  };
}

export const loadModel = (json: string, weights: Uint8Array): Promise<tf.LayersModel> =>
  tf.loadLayersModel(tf.io.fromMemory(artifactsOf(json, weights)));

export const loadGraph = (json: string, weights: Uint8Array): Promise<tf.GraphModel> =>
  tf.loadGraphModel(tf.io.fromMemory(artifactsOf(json, weights)));
