// The files of a trained model: TFJS's LayersModel format, which a browser loads, and safetensors.
import { z } from 'zod';
import { encodeSafetensors } from './safetensors.js';

/** A trained model on the wire: TFJS topology, weight specs in the model's order, and their bytes. */
export interface ExportedModel {
  readonly topology: string;
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly trainable: boolean;
  }[];
  /** The weights in fp32, one after the other. */
  readonly data: Uint8Array;
  /** How many numbers the weights have. */
  readonly parameters: number;
}

export interface ModelFiles {
  /** model.json of TFJS, whose weights are next to it in weights.bin. */
  readonly json: string;
  readonly weights: Uint8Array;
  readonly safetensors: Uint8Array;
}

/** TFJS reads the rest. */
const topologySchema = z.record(z.string(), z.unknown());

/** @param metadata stored in model.json as userDefinedMetadata: how to feed the model and read its outputs */
export function modelFiles(model: ExportedModel, metadata: Record<string, unknown>): ModelFiles {
  const manifest = [
    { paths: ['weights.bin'], weights: model.weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })) },
  ];
  const json = JSON.stringify(
    {
      format: 'layers-model',
      generatedBy: 'stillhouse',
      convertedBy: null,
      modelTopology: topologySchema.parse(JSON.parse(model.topology)),
      weightsManifest: manifest,
      userDefinedMetadata: metadata,
    },
    null,
    1,
  );
  let offset = 0;
  const tensors = model.weights.map(({ name, shape }) => {
    const bytes = shape.reduce((product, size) => product * size, 4);
    const data = model.data.subarray(offset, offset + bytes);
    offset += bytes;
    return { name, dtype: 'F32' as const, shape, data };
  });
  return { json, weights: model.data, safetensors: encodeSafetensors(tensors) };
}
