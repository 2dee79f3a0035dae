// Small data files of every format that sources can have, written by libraries other than those that read them if one
// is at hand. docs/data.md's recipes are about these files.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import sharp from 'sharp';
import { hashName, randomStream } from '@stillhouse/core';

const rowCount = 240;

/** A NumPy array as a file. */
export function npy(descr: string, shape: readonly number[], bytes: Uint8Array): Buffer {
  const text =
    `{'descr': '${descr}', 'fortran_order': False, 'shape': ` +
    `(${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header, 'latin1'), bytes]);
}

/** A ZIP file with compressed entries (APPNOTE.TXT 4.3). */
function zip(entries: Readonly<Record<string, Buffer>>): Buffer {
  const [locals, central]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, data] of Object.entries(entries)) {
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    [20, 0, 8, 0, 0x21].forEach((value, i) => common.writeUInt16LE(value, 2 * i));
    [crc32(data), packed.length, data.length].forEach((value, i) => common.writeUInt32LE(value, 10 + 4 * i));
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

function idx(shape: readonly number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, data]);
}

/** Writes a few hundred rows in each format into a folder. */
export async function writeFixtures(folder: string): Promise<void> {
  const put = (path: string, data: string | Uint8Array): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), data);
  };
  const next = randomStream(hashName('fixtures'));
  const cities = ['Oslo', 'Lima', 'Kyoto'];
  const rows = Array.from({ length: rowCount }, (_, i) => ({
    id: i,
    area: Math.round(20 + 180 * next()),
    rooms: 1 + Math.floor(5 * next()),
    city: cities[Math.floor(3 * next())],
    owner: `p${Math.floor(60 * next())}`,
    age: next() < 0.1 ? null : Math.floor(90 * next()),
  }));
  const priced = rows.map((row) => ({
    ...row,
    price: 1000 * row.area + 20_000 * row.rooms + (row.city === 'Oslo' ? 50_000 : 0),
  }));
  const csv = `id,area,rooms,city,owner,age,price\n${priced
    .map((row) =>
      Object.values(row)
        .map((cell) => cell ?? '')
        .join(','),
    )
    .join('\n')}\n`;
  put('houses.csv', csv);
  put('houses.csv.gz', gzipSync(csv));
  put('houses.jsonl', priced.map((row) => `${JSON.stringify(row)}\n`).join(''));
  put(
    'houses.mjs',
    `export default function* ({ folder }) {\n  for (let i = 0; i < ${rowCount}; i++) yield { a: i % 7, b: i % ` +
      `3 ? 'odd' : 'even', from: folder.length, y: (i % 7) * 2 };\n}\nexport function* numbers() {\n  for (let i ` +
      `= 0; i < ${rowCount}; i++) yield { x: [i % 5, (i * 7) % 11], y: i % 5 };\n}\n`,
  );
  const german = (value: number, digits: number): string =>
    value.toLocaleString('de-DE', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const flats = rows.map(({ area, rooms }, i) => {
    const rent = german(11 * area + 90 * rooms, 2);
    return `${german(area + (i % 10) / 10, 1)};${rent} €;${german((i % 30) / 2 - 7, 1)}%`;
  });
  put('flats.csv', `area;rent;change\n${flats.join('\n')}\n`);
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const part of [0, 1])
    await connection.run(
      `COPY (SELECT * FROM read_csv('${join(folder, 'houses.csv')}') WHERE id % 2 = ${part}) TO ` +
        `'${join(folder, `logs/part-${part}.parquet`)}' (FORMAT parquet)`,
    );
  connection.closeSync();
  instance.closeSync();
  const classes = Uint8Array.from({ length: rowCount }, (_, i) => i % 3);
  const pictures = Uint8Array.from({ length: rowCount * 64 }, (_, k) =>
    Math.floor(60 * classes[Math.floor(k / 64)] + 60 * next()),
  );
  put('pictures-images-idx3-ubyte', idx([rowCount, 8, 8], pictures));
  put('pictures-labels-idx1-ubyte', idx([rowCount], classes));
  const waves = Float32Array.from({ length: rowCount * 12 }, () => 2 * next() - 1);
  const sums = Float64Array.from({ length: rowCount }, (_, i) =>
    waves.subarray(12 * i, 12 * i + 12).reduce((sum, value) => sum + value, 0),
  );
  put('waves.npy', npy('<f4', [rowCount, 12], new Uint8Array(waves.buffer)));
  put('sums.npy', npy('<f8', [rowCount], new Uint8Array(sums.buffer)));
  put(
    'arrays.npz',
    zip({
      'x.npy': npy('<f4', [rowCount, 12], new Uint8Array(waves.buffer)),
      'y.npy': npy('<f8', [rowCount], new Uint8Array(sums.buffer)),
    }),
  );
  const list = ['file,kind'];
  for (let i = 0; i < 60; i++) {
    const kind = ['cat', 'dog'][i % 2];
    const png = await sharp({
      create: { width: 20, height: 14, channels: 3, background: { r: 40 + 150 * (i % 2), g: i, b: 90 } },
    })
      .png()
      .toBuffer();
    put(`photos/${kind}/${i}.png`, png);
    list.push(`photos/${kind}/${i}.png,${kind}`);
  }
  put('photos.csv', `${list.join('\n')}\n`);
  const records = Buffer.concat(
    Array.from({ length: rowCount }, (_, i) =>
      record(example({ x: [...waves.subarray(12 * i, 12 * i + 12)], label: classes[i] })),
    ),
  );
  put('rows.tfrecord', records);
  put('rows.tfrecord.gz', gzipSync(records));
}

/** CRC-32C by its definition, bit by bit. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function record(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(12);
  length.writeBigUInt64LE(BigInt(bytes.length));
  length.writeUInt32LE(maskedCrc(length.subarray(0, 8)), 8);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(maskedCrc(bytes));
  return Buffer.concat([length, bytes, checksum]);
}

/** A field of a protocol buffer that holds bytes. */
function field(id: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([(id << 3) | 2, ...length]), bytes]);
}

/** tf.Example with a list of floats and an integer. */
function example({ x, label }: { x: readonly number[]; label: number }): Buffer {
  const floats = field(2, field(1, new Uint8Array(Float32Array.from(x).buffer)));
  const integer = field(3, field(1, Uint8Array.of(label)));
  const feature = (name: string, value: Buffer): Buffer =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, value)]));
  return field(1, Buffer.concat([feature('x', floats), feature('label', integer)]));
}
