// Exports a model from an engine, and loads it back.
import { tf } from '@stillhouse/native/tfjs';
import { z } from 'zod';
import { bytesOf, floatsOf, formatCount, type ExportedModel } from '@stillhouse/core';
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

/** Bytes of a weight in its shard; undefined if they do not follow from its description, as those of texts. */
function bytesIn({ shape, dtype, quantization }: tf.io.WeightsManifestEntry): number | undefined {
  const each = bytesPerNumber[quantization?.dtype ?? dtype];
  return each === undefined ? undefined : shape.reduce((product, size) => product * size, each);
}

const bytesPerNumber: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  complex64: 8,
  uint16: 2,
  float16: 2,
  uint8: 1,
  bool: 1,
};

/**
 * What TFJS loads from: a model.json, and the concatenated bytes of its shards.
 * @throws Error if it describes other weights than there are: TFJS would leave out what is at the end
 */
export function artifactsOf(json: string, weights: Uint8Array): tf.io.ModelArtifacts {
  const parsed = modelJson.safeParse(JSON.parse(json));
  if (!parsed.success)
    throw new Error(`it is not a model.json: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  const { weightsManifest, ...file } = parsed.data;
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const bytes = weightSpecs.reduce((sum, spec) => sum + (bytesIn(spec) ?? NaN), 0);
  if (!Number.isNaN(bytes) && bytes !== weights.byteLength)
    throw new Error(
      `its weights take ${formatCount(bytes)} bytes, and there are ${formatCount(weights.byteLength)}: they belong ` +
        'to another model, or one of the files is incomplete',
    );
  return { ...file, weightSpecs, weightData: new Uint8Array(weights).buffer };
}

export const loadModel = (json: string, weights: Uint8Array): Promise<tf.LayersModel> =>
  tf.loadLayersModel(tf.io.fromMemory(artifactsOf(json, weights)));

export const loadGraph = (json: string, weights: Uint8Array): Promise<tf.GraphModel> =>
  tf.loadGraphModel(tf.io.fromMemory(artifactsOf(json, weights)));
