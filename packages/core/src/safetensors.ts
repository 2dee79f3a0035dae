// The safetensors format: an 8-byte little-endian header length, a JSON header, then raw little-endian tensors.
import { StillhouseError } from './errors.js';

export type TensorType = 'F32' | 'U8' | 'I32';
export interface NamedTensor {
  readonly name: string;
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const bytesPer: Record<TensorType, number> = { F32: 4, U8: 1, I32: 4 };

/** A file's header and its tensors' bytes, in order, none of them copied. */
export function safetensorsParts(tensors: readonly NamedTensor[], metadata: Record<string, string> = {}): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const tensor of tensors) {
    header[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, offset + tensor.data.byteLength] };
    offset += tensor.data.byteLength;
  }
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text.padEnd(text.length + ((8 - (new TextEncoder().encode(text).length % 8)) % 8)));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return [joinBytes([length, json]), ...tensors.map(({ data }) => data)];
}

export const encodeSafetensors = (tensors: readonly NamedTensor[], metadata: Record<string, string> = {}): Uint8Array => joinBytes(safetensorsParts(tensors, metadata));

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.byteLength;
  }
  return out;
}

export interface SafetensorsFile {
  readonly tensors: NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws StillhouseError DATA_FORMAT if the bytes are not whole safetensors; `what` names them */
export const decodeSafetensors = (bytes: Uint8Array, what = 'the file'): NamedTensor[] => readSafetensors(bytes, what).tensors;

/** @throws StillhouseError DATA_FORMAT if the bytes are not whole safetensors; `what` names them */
export function readSafetensors(bytes: Uint8Array, what: string): SafetensorsFile {
  const bad = (why: string): never => {
    throw new StillhouseError('DATA_FORMAT', `${what} is not a safetensors file: ${why}`);
  };
  if (bytes.byteLength < 8) return bad('shorter than its header');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (!(length <= bytes.byteLength - 8)) return bad('its header is cut off');
  let header: Record<string, { dtype: TensorType; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as typeof header;
  } catch {
    return bad('its header is not JSON');
  }
  const body = bytes.subarray(8 + length);
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => {
      const [from, to] = entry.data_offsets;
      const expected = entry.shape.reduce((product, size) => product * size, bytesPer[entry.dtype]);
      if (!(from >= 0 && to <= body.byteLength && to - from === expected)) bad(`tensor ${name} does not fit`);
      return { name, dtype: entry.dtype, shape: entry.shape, data: body.subarray(from, to) };
    });
  return { tensors, metadata: (header['__metadata__'] ?? {}) as unknown as Record<string, string> };
}

/** The bytes of a float array, without copying. */
export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Floats of bytes; copies only where they are not aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  // Not slice(): a Buffer's shares the memory, and with it the offset.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
