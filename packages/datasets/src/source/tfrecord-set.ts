// Records of TFRecord files and the tf.Example messages in them. Format: per record its length (8 bytes), a masked
// CRC-32C of these, the bytes, and a masked CRC-32C of those (TensorFlow's record_writer). Rows are read as they are
// needed.
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import protobuf from 'protobufjs';
import { messageOf, StillhouseError, zerosOf, type TensorType } from '@stillhouse/core';
import { decodeImage, type ImageShape } from './decode-image.js';
import { sizeOf, type TensorSet } from '../tensor/tensor-set.js';

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** CRC-32C (Castagnoli), rotated and shifted as the format requires. */
export function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const longestRecord = 2 ** 28;

/**
 * The records of a file, in order.
 * @throws StillhouseError DATA_FORMAT, DATA_TRUNCATED, naming file and record
 */
export async function* recordsOf(file: string): AsyncGenerator<Uint8Array> {
  const raw = createReadStream(file, { highWaterMark: 1024 * 1024 });
  const stream = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  let rest: Buffer = Buffer.alloc(0);
  let index = 0;
  const where = (): string => `${file}, record ${index + 1}`;
  try {
    for await (const part of stream) {
      rest = rest.length ? Buffer.concat([rest, part as Buffer]) : (part as Buffer);
      let at = 0;
      while (rest.length - at >= 12) {
        const length = Number(rest.readBigUInt64LE(at));
        if (rest.readUInt32LE(at + 8) !== maskedCrc(rest.subarray(at, at + 8)) || length > longestRecord)
          throw new StillhouseError(
            'DATA_FORMAT',
            `${where()}: its length does not match its checksum; the file is damaged, or not a TFRecord file`,
          );
        if (rest.length - at < length + 16) break;
        const record = rest.subarray(at + 12, at + 12 + length);
        if (rest.readUInt32LE(at + 12 + length) !== maskedCrc(record))
          throw new StillhouseError(
            'DATA_FORMAT',
            `${where()}: its bytes do not match their checksum; the file is damaged`,
          );
        yield record;
        index += 1;
        at += length + 16;
      }
      rest = rest.subarray(at);
    }
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('DATA_TRUNCATED', `${where()}: ${messageOf(cause)}`, { cause });
  } finally {
    raw.destroy();
  }
  if (rest.length > 0) throw new StillhouseError('DATA_TRUNCATED', `${where()} is cut off`);
}

/** tensorflow/core/example/feature.proto, in the words of protobufjs. */
const description = {
  nested: {
    BytesList: { fields: { value: { rule: 'repeated', type: 'bytes', id: 1 } } },
    FloatList: { fields: { value: { rule: 'repeated', type: 'float', id: 1, options: { packed: true } } } },
    Int64List: { fields: { value: { rule: 'repeated', type: 'int64', id: 1, options: { packed: true } } } },
    Feature: {
      oneofs: { kind: { oneof: ['bytesList', 'floatList', 'int64List'] } },
      fields: {
        bytesList: { type: 'BytesList', id: 1 },
        floatList: { type: 'FloatList', id: 2 },
        int64List: { type: 'Int64List', id: 3 },
      },
    },
    Features: { fields: { feature: { keyType: 'string', type: 'Feature', id: 1 } } },
    Example: { fields: { features: { type: 'Features', id: 1 } } },
  },
};
const Example = protobuf.Root.fromJSON(description).lookupType('Example');

interface Feature {
  readonly bytesList?: { readonly value: readonly Uint8Array[] };
  readonly floatList?: { readonly value: readonly number[] };
  readonly int64List?: { readonly value: readonly (number | { toNumber(): number })[] };
}

/** @throws StillhouseError DATA_FORMAT */
export function featuresOf(record: Uint8Array, where: string): Readonly<Record<string, Feature>> {
  try {
    return (
      (Example.decode(record) as unknown as { features?: { feature?: Record<string, Feature> } }).features?.feature ??
      {}
    );
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${where} is not a tf.Example: ${messageOf(cause)}`, { cause });
  }
}

export interface ExampleConfig {
  readonly inputs: string;
  readonly label: string;
  readonly shape?: readonly number[] | undefined;
  readonly image?: ImageShape | undefined;
}

const numbersOf = ({ floatList, int64List }: Feature): number[] | undefined =>
  floatList
    ? [...floatList.value]
    : int64List?.value.map((value) => (typeof value === 'number' ? value : value.toNumber()));

/** One row: its inputs, and its label as text or number. */
async function rowOf(
  record: Uint8Array,
  { inputs, label, image }: ExampleConfig,
  where: string,
): Promise<{ values: ArrayLike<number>; isBytes: boolean; label: number | string }> {
  const features = featuresOf(record, where);
  const named = (name: string): Feature => {
    const feature = features[name];
    if (!feature)
      throw new StillhouseError(
        'DATA_COLUMN',
        `${where} has no feature ${JSON.stringify(name)}; it has ${Object.keys(features).sort().join(', ')}`,
      );
    return feature;
  };
  const labels = named(label).bytesList?.value ?? numbersOf(named(label)) ?? [];
  const [labelValue] = [...labels].map((each) => (typeof each === 'number' ? each : new TextDecoder().decode(each)));
  if (labelValue === undefined) throw new StillhouseError('DATA_CELL', `${where}: feature ${label} is empty`);
  if (labels.length > 1)
    throw new StillhouseError(
      'DATA_CELL',
      `${where}: feature ${label} has ${labels.length} values, but a label is one`,
    );
  const [bytes] = named(inputs).bytesList?.value ?? [];
  if (bytes)
    return { values: image ? await decodeImage(bytes, image, where) : bytes, isBytes: true, label: labelValue };
  return { values: numbersOf(named(inputs)) ?? [], isBytes: false, label: labelValue };
}

type Row = Awaited<ReturnType<typeof rowOf>>;

/** Rows decoded at once. */
const chunkRecords = 64;

/** A file's records, some at a time, each with its number, counted from 1. */
async function* recordChunks(file: string): AsyncGenerator<{ record: Uint8Array; where: string }[]> {
  let chunk: { record: Uint8Array; where: string }[] = [];
  let index = 0;
  for await (const record of recordsOf(file)) {
    // Records share the memory of the part of the file that they were read from.
    chunk.push({ record: Uint8Array.from(record), where: `${file}, record ${++index}` });
    if (chunk.length < chunkRecords) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * @param files read twice: once to count records and determine shape and classes, once for the rows
 * @throws StillhouseError DATA_…, naming file and record
 */
export async function tfrecordSet(what: string, files: readonly string[], config: ExampleConfig): Promise<TensorSet> {
  let rowCount = 0;
  let first: Row | undefined;
  const names = new Set<string>();
  for (const file of files) {
    for await (const chunk of recordChunks(file)) {
      first ??= await rowOf(chunk[0].record, config, chunk[0].where);
      if (typeof first.label === 'string')
        for (const { record, where } of chunk)
          names.add(String((await rowOf(record, { ...config, image: undefined }, where)).label));
      rowCount += chunk.length;
    }
  }
  if (!first) throw new StillhouseError('DATA_EMPTY', `${what} has no records`);
  const { isBytes } = first;
  const inputShape = config.image
    ? [...config.image.size, config.image.channels]
    : (config.shape ?? [first.values.length]);
  const size = sizeOf(inputShape);
  const classes = names.size > 0 ? [...names].sort() : undefined;
  const dtype: TensorType = isBytes ? 'U8' : 'F32';
  return {
    what,
    rowCount,
    inputShape,
    dtype,
    isBytes,
    classes,
    labelCount: 1,
    async *chunks() {
      for (const file of files) {
        for await (const chunk of recordChunks(file)) {
          const inputs = zerosOf(dtype, chunk.length * size);
          // A target may be scaled before it is rounded to fp32.
          const labels = new Float64Array(chunk.length);
          (await Promise.all(chunk.map(({ record, where }) => rowOf(record, config, where)))).forEach((row, i) => {
            const { where } = chunk[i];
            if (row.values.length !== size)
              throw new StillhouseError(
                'DATA_FORMAT',
                `${where}: feature ${config.inputs} has ${row.values.length} values, not ${size}`,
              );
            if (row.isBytes !== isBytes || (typeof row.label === 'string') !== Boolean(classes))
              throw new StillhouseError('DATA_FORMAT', `${where} has features of other types than the first record`);
            inputs.set(row.values, i * size);
            labels[i] = classes ? classes.indexOf(String(row.label)) : Number(row.label);
          });
          yield { rowCount: chunk.length, cells: [inputs, labels] };
        }
      }
    },
  };
}
