// The safetensors format: an 8-byte little-endian header length, a JSON header, then raw little-endian tensors.
import { z } from 'zod';
import { StillhouseError } from '../error/errors.js';

/** Types of numbers that a tensor may have here. */
export const tensorTypes = ['F32', 'F64', 'U8', 'I8', 'U16', 'I16', 'U32', 'I32'] as const;
export type TensorType = (typeof tensorTypes)[number];

export interface NamedTensor {
  readonly name: string;
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Numbers of one type. */
export type Numbers =
  Float32Array | Float64Array | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

const arrayOf = {
  F32: Float32Array,
  F64: Float64Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  U32: Uint32Array,
  I32: Int32Array,
} as const;

const size = z.int().min(0);
const headerSchema = z
  .object({ __metadata__: z.record(z.string(), z.string()).optional() })
  .catchall(z.object({ dtype: z.enum(tensorTypes), shape: z.array(size), data_offsets: z.tuple([size, size]) }));

/** The given number of zeros. */
export const zerosOf = (dtype: TensorType, count: number): Numbers => new arrayOf[dtype](count);

/** A file's header and its tensors' bytes, in order, none of them copied. */
export function safetensorsParts(tensors: readonly NamedTensor[], metadata: Record<string, string> = {}): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const tensor of tensors) {
    header[tensor.name] = {
      dtype: tensor.dtype,
      shape: tensor.shape,
      data_offsets: [offset, offset + tensor.data.byteLength],
    };
    offset += tensor.data.byteLength;
  }
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(
    text.padEnd(text.length + ((8 - (new TextEncoder().encode(text).length % 8)) % 8)),
  );
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return [joinBytes([length, json]), ...tensors.map(({ data }) => data)];
}

export const encodeSafetensors = (tensors: readonly NamedTensor[], metadata: Record<string, string> = {}): Uint8Array =>
  joinBytes(safetensorsParts(tensors, metadata));

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

/** @param key of the header that does not fit its schema, if it is an object at all */
function headerFault(key: PropertyKey | undefined): string {
  if (key === undefined) return 'its header is not an object';
  return key === '__metadata__'
    ? 'its metadata is not text'
    : `tensor ${String(key)} is not described as one of a known type`;
}

/** @throws StillhouseError DATA_FORMAT if the bytes are not whole safetensors; `what` names them */
export const decodeSafetensors = (bytes: Uint8Array, what = 'the file'): NamedTensor[] =>
  readSafetensors(bytes, what).tensors;

/** @throws StillhouseError DATA_FORMAT if the bytes are not whole safetensors; `what` names them */
export function readSafetensors(bytes: Uint8Array, what: string): SafetensorsFile {
  const bad = (why: string): never => {
    throw new StillhouseError('DATA_FORMAT', `${what} is not a safetensors file: ${why}`);
  };
  if (bytes.byteLength < 8) return bad('shorter than its header');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (!(length <= bytes.byteLength - 8)) return bad('its header is cut off');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch {
    return bad('its header is not JSON');
  }
  const { data: header, error } = headerSchema.safeParse(json);
  if (error) return bad(headerFault(error.issues[0]?.path[0]));
  const { __metadata__: metadata = {}, ...entries } = header;
  const body = bytes.subarray(8 + length);
  const tensors = Object.entries(entries).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const expected = shape.reduce((product, each) => product * each, arrayOf[dtype].BYTES_PER_ELEMENT);
      if (!(to <= body.byteLength && to - from === expected)) bad(`tensor ${name} does not fit`);
      return { name, dtype, shape, data: body.subarray(from, to) };
    },
  );
  return { tensors, metadata };
}

/** The bytes of an array, without copying. */
export function bytesOf(values: Numbers): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Floats of bytes; copies only if they are not aligned. */
export const floatsOf = (bytes: Uint8Array): Float32Array => numbersOf('F32', bytes) as Float32Array;

/** Numbers of bytes; copies only if they are not aligned. */
export function numbersOf(dtype: TensorType, bytes: Uint8Array): Numbers {
  const Type = arrayOf[dtype];
  // Not slice(): a Buffer's slice shares the memory, and with it the offset.
  const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Type(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / Type.BYTES_PER_ELEMENT);
}
