// Weights with fewer bits, as TFJS stores and reads them: half precision, or bytes on a line from the smallest to the
// largest.
import { z } from 'zod';
import { floatsOf, joinBytes } from './safetensors.js';

export const weightFormats = ['fp32', 'fp16', 'uint8'] as const;
export type WeightFormat = (typeof weightFormats)[number];

/** Half precision (IEEE 754 binary16) of a number, rounded to the nearest, ties to even. */
export function halfOf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // Halfway between the largest half and what would be the next half.
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.max(magnitude, 2 ** -24))));
  const scaled = magnitude / 2 ** (exponent - 10);
  const whole = Math.floor(scaled);
  const rest = scaled - whole;
  const rounded = rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
  // Below 1024 it is subnormal, and 2048 carries into the exponent: both follow from the sum.
  return sign | (rounded < 1024 ? rounded : ((exponent + 14) << 10) + rounded);
}

interface Quantization {
  readonly dtype: 'uint8' | 'float16';
  readonly original_dtype: 'float32';
  readonly min?: number;
  readonly scale?: number;
}

const weightSchema = z.looseObject({ name: z.string(), shape: z.array(z.int().min(0)), dtype: z.literal('float32') });
type WeightEntry = z.output<typeof weightSchema> & { readonly quantization?: Quantization };

/** What is read here of a model.json, whose other keys stay as they are. */
const modelSchema = z.record(z.string(), z.unknown());
const manifestSchema = z.array(z.looseObject({ weights: z.array(weightSchema) }));

/** A number n stands for n·scale + min; 0 has a number of its own, so pruned weights stay 0. */
function quantizeBytes(values: Float32Array): { bytes: Uint8Array; quantization: Quantization } {
  const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [0, 0]);
  const scale = high > low ? (high - low) / 255 : 1;
  const zero = Math.round(-low / scale);
  const bytes = Uint8Array.from(values, (value) => Math.max(0, Math.min(255, Math.round(value / scale) + zero)));
  return { bytes, quantization: { dtype: 'uint8', original_dtype: 'float32', min: -zero * scale, scale } };
}

function quantizeWeight(
  entry: WeightEntry,
  values: Float32Array,
  format: WeightFormat,
): { entry: WeightEntry; bytes: Uint8Array } {
  // Biases, scales and moving averages are few and matter much.
  if (format === 'fp32' || entry.shape.length < 2) return { entry, bytes: new Uint8Array(values.slice().buffer) };
  if (format === 'fp16')
    return {
      entry: { ...entry, quantization: { dtype: 'float16', original_dtype: 'float32' } },
      bytes: new Uint8Array(Uint16Array.from(values, halfOf).buffer),
    };
  const { bytes, quantization } = quantizeBytes(values);
  return { entry: { ...entry, quantization }, bytes };
}

/**
 * A TFJS model with its weights in another format. Only matrices and kernels are converted, not weights of one
 * dimension.
 * @param json model.json with weights in float32
 * @param weights concatenated bytes of all its weights
 * @throws ZodError or SyntaxError if the text is not a TFJS model.json
 */
export function quantizeModel(
  json: string,
  weights: Uint8Array,
  format: WeightFormat,
): { json: string; weights: Uint8Array } {
  const model = modelSchema.parse(JSON.parse(json));
  const floats = floatsOf(weights);
  let offset = 0;
  const parts = manifestSchema
    .parse(model['weightsManifest'])
    .flatMap((group) => group.weights)
    .map((entry) => {
      const size = entry.shape.reduce((product, each) => product * each, 1);
      return quantizeWeight(entry, floats.subarray(offset, (offset += size)), format);
    });
  return {
    json: JSON.stringify(
      { ...model, weightsManifest: [{ paths: ['weights.bin'], weights: parts.map(({ entry }) => entry) }] },
      null,
      1,
    ),
    weights: joinBytes(parts.map(({ bytes }) => bytes)),
  };
}
