// Folders of images as people have them: with files of other types, hidden ones, links, and pixels of other depths.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { parseRecipe } from '@stillhouse/core';
import { prepareDataset, type Dataset } from '../prepare/prepare.js';
import type { LossConfig } from '@stillhouse/core/training';
import { TableReader } from '../table/duckdb.js';
import { decodeImage } from './decode-image.js';
import { imagesIn } from './image-files.js';
import { inspectSource } from './inspect.js';
import { openContext, openSource, sourceContext, sourceKind } from './sources.js';

const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-images-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const shape = { size: [2, 2], channels: 3, fit: 'fill' } as const;
const png = (grey: number): Promise<Buffer> =>
  sharp({ create: { width: 2, height: 2, channels: 3, background: { r: grey, g: grey, b: grey } } })
    .png()
    .toBuffer();

function write(path: string, bytes: Uint8Array | string): string {
  const file = join(scratch, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

/** A BMP of two rows, stored from the bottom, after the format's description. */
function bmp(bitCount: number, rows: readonly (readonly number[])[], palette: readonly number[] = []): Buffer {
  const pixels = rows.map((row) => Buffer.from([...row, ...Array<number>((4 - (row.length % 4)) % 4).fill(0)]));
  const header = Buffer.alloc(54);
  header.write('BM');
  header.writeUInt32LE(54 + palette.length, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(2, 18);
  header.writeInt32LE(rows.length, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bitCount, 28);
  header.writeUInt32LE(palette.length / 4, 46);
  return Buffer.concat([header, Buffer.from(palette), ...pixels.reverse()]);
}

const red = [0, 0, 255];
const grey = [9, 9, 9];
const colours = [0, 0, 255, 0, 9, 9, 9, 0];

test.each([
  [
    '24 bits',
    bmp(24, [
      [...red, ...grey],
      [...grey, ...red],
    ]),
  ],
  [
    '32 bits',
    bmp(32, [
      [...red, 0, ...grey, 0],
      [...grey, 0, ...red, 0],
    ]),
  ],
  [
    '8 bits',
    bmp(
      8,
      [
        [0, 1],
        [1, 0],
      ],
      colours,
    ),
  ],
  ['1 bit', bmp(1, [[0b01000000], [0b10000000]], colours)],
])('a BMP of %s has its pixels, colours and rows in the right order', async (_, bytes) => {
  expect([...(await decodeImage(bytes, shape, 'x.bmp'))]).toEqual([255, 0, 0, 9, 9, 9, 9, 9, 9, 255, 0, 0]);
});

test.each([
  ['of 4 bits', bmp(4, [[0x01], [0x10]], colours), /a BMP of 4 bits per pixel is not supported; convert it to PNG/],
  [
    'cut off',
    bmp(24, [
      [...red, ...grey],
      [...grey, ...red],
    ]).subarray(0, 60),
    /cut off/,
  ],
])('a BMP %s is refused', async (_, bytes, message) => {
  await expect(decodeImage(bytes, shape, 'x.bmp')).rejects.toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(message),
  });
});

test('16 bits per channel are scaled to bytes', async () => {
  const pixels = Uint16Array.from([0, 0x8000, 0xffff, 0x4000]);
  const bytes = await sharp(pixels, { raw: { width: 2, height: 2, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  expect([...(await decodeImage(bytes, { ...shape, channels: 1 }, 'x.png'))]).toEqual([0, 0x80, 0xff, 0x40]);
});

/** A TIFF of 2 × 2 numbers of 32 bits: fractions, after TIFF 6.0. */
function floatTiff(values: readonly number[]): Buffer {
  const entries = [
    [256, 2],
    [257, 2],
    [258, 32],
    [259, 1],
    [262, 1],
    [273, 8],
    [277, 1],
    [278, 2],
    [279, 16],
    [339, 3],
  ];
  const bytes = Buffer.alloc(8 + 16 + 2 + entries.length * 12 + 4);
  bytes.write('II*\0', 'latin1');
  bytes.writeUInt32LE(24, 4);
  values.forEach((value, i) => bytes.writeFloatLE(value, 8 + 4 * i));
  bytes.writeUInt16LE(entries.length, 24);
  entries.forEach(([tag, value], i) => {
    bytes.writeUInt16LE(tag, 26 + 12 * i);
    bytes.writeUInt16LE(4, 28 + 12 * i);
    bytes.writeUInt32LE(1, 30 + 12 * i);
    bytes.writeUInt32LE(value, 34 + 12 * i);
  });
  return bytes;
}

test('a TIFF of fractions is refused instead of read as black', async () => {
  await expect(decodeImage(floatTiff([0, 0.25, 0.5, 1]), shape, 'x.tif')).rejects.toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(/x\.tif .* its pixels are of type float, .* convert it to 8 or 16 bits/),
  });
});

test.each([
  ['empty', () => Promise.resolve(Buffer.alloc(0)), /the file is empty$/],
  [
    'text',
    () => Promise.resolve(Buffer.from('<html>404</html>')),
    /in none of the formats that are supported: PNG, JPEG/,
  ],
  ['cut off', async () => (await png(9)).subarray(0, 60), /it is cut off or corrupt$/],
])('an image that is %s is refused in one sentence', async (_, bytesOf, message) => {
  await expect(decodeImage(await bytesOf(), shape, 'x.png')).rejects.toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(message),
  });
});

const prepare = (folder: string): Promise<Dataset> =>
  prepareDataset(
    parseRecipe({
      data: { large: { images: { folder, size: [2, 2] } }, split: { test: 0.5 } },
      loss: 'softmaxCrossEntropy',
      teacher: { model: { layers: ['flatten', { dense: 2 }] } },
    }),
    { recipeFolder: scratch, dataFolders: [] },
    { folder: join(scratch, 'prepared') },
  );

async function photos(name: string): Promise<string> {
  for (const kind of ['cat', 'dog']) for (let i = 0; i < 4; i++) write(`${name}/${kind}/${i}.png`, await png(60 * i));
  return join(scratch, name);
}

test('hidden files and folders are no images and no classes', async () => {
  const folder = await photos('hidden');
  write('hidden/.ipynb_checkpoints/0-checkpoint.png', await png(1));
  write('hidden/cat/._0.png', 'AppleDouble');
  write('hidden/.DS_Store', 'x');
  write('hidden/__MACOSX/cat/._0.png', 'AppleDouble');
  const { manifest, warnings } = await prepare(folder);
  expect(manifest.classes).toEqual(['cat', 'dog']);
  expect(manifest.sets.large!.rowCount + manifest.sets.test!.rowCount).toBe(8);
  expect(warnings).toEqual([]);
});

test('JPEG under its rarer names and BMP are read; other files are counted and named', async () => {
  const folder = await photos('kinds');
  const jpeg = await sharp(await png(9))
    .jpeg()
    .toBuffer();
  write('kinds/cat/a.jfif', jpeg);
  write('kinds/cat/b.JPE', jpeg);
  write(
    'kinds/dog/c.bmp',
    bmp(24, [
      [...red, ...grey],
      [...grey, ...red],
    ]),
  );
  write('kinds/dog/d.heic', 'x');
  write('kinds/README', 'x');
  const { manifest, warnings } = await prepare(folder);
  expect(manifest.sets.large!.rowCount + manifest.sets.test!.rowCount).toBe(11);
  expect(warnings).toEqual([
    expect.stringMatching(/2 of its files are not read, .* \(1 without an ending, 1 \.heic: README, dog.d\.heic\)/),
  ]);
});

test('a class without an image that can be read is refused, rather than missing', async () => {
  const folder = await photos('vanished');
  write('vanished/bird/0.heic', 'x');
  await expect(prepare(folder)).rejects.toMatchObject({
    code: 'DATA_EMPTY',
    message: expect.stringMatching(/bird has no image/),
  });
});

test('a link that leads back up, or to images that are there already, is refused', async () => {
  const folder = await photos('linked');
  symlinkSync(folder, join(folder, 'cat', 'up'));
  expect(() => imagesIn(folder)).toThrow(/up and .*linked are the same, so its images would occur twice/);
  rmSync(join(folder, 'cat', 'up'));
  symlinkSync(join(folder, 'cat', '0.png'), join(folder, 'dog', 'again.png'));
  expect(() => imagesIn(folder)).toThrow(/again\.png and .*0\.png are the same/);
});

test('links to images elsewhere are followed; one that leads nowhere is refused', async () => {
  await photos('elsewhere');
  const folder = join(scratch, 'links');
  mkdirSync(folder);
  symlinkSync(join(scratch, 'elsewhere', 'cat'), join(folder, 'cat'));
  expect(imagesIn(folder).files).toHaveLength(4);
  symlinkSync(join(scratch, 'nowhere'), join(folder, 'cat', 'broken.png'));
  expect(() => imagesIn(folder)).toThrow(/broken\.png cannot be read/);
});

test('an image that moves to another class is not found prepared under its former one', async () => {
  const folder = await photos('moved');
  await prepare(folder);
  renameSync(join(folder, 'cat', '3.png'), join(folder, 'dog', '-3.png'));
  const { manifest, isKept } = await prepare(folder);
  expect(isKept).toBe(false);
  expect(manifest.classes).toEqual(['cat', 'dog']);
});

test('what is not a file, such as a socket or a pipe, is counted as not read', async () => {
  const folder = await photos('socket');
  const server = createServer().listen(join(folder, 'cat', 'socket.png'));
  await new Promise((listening) => server.once('listening', listening));
  const { files, warnings } = imagesIn(folder);
  server.close();
  expect(files).toHaveLength(8);
  expect(warnings).toEqual([expect.stringMatching(/1 of its files are not read/)]);
});

test('a file in place of a folder is refused', async () => {
  const file = write('file/0.png', await png(1));
  expect(() => imagesIn(file)).toThrow(/0\.png is a file, not a folder of images/);
});

test('folders that are sets are not taken for classes', async () => {
  for (const set of ['Train', 'val']) await photos(`sets/${set}`);
  await expect(prepare(join(scratch, 'sets'))).rejects.toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(/named like sets, not like classes: Train, val/),
  });
});

async function withContext<T>(
  loss: LossConfig,
  act: (context: ReturnType<typeof openContext>) => Promise<T>,
): Promise<T> {
  const tables = new TableReader(scratch, mkdtempSync(join(scratch, 'tables-')));
  try {
    const context = sourceContext({ recipeFolder: scratch, dataFolders: [] }, tables);
    return await act(openContext(context, { loss, data: {} }, true));
  } finally {
    tables.close();
  }
}

const numbersOf = (folder: string): Promise<{ classes: readonly string[] | undefined; labels: number[] }> =>
  withContext('mse', async (context) => {
    const source = await openSource({ images: { folder, ...shape, size: [2, 2] } }, context);
    if (source.type !== 'tensors') throw new Error('a table');
    const labels: number[] = [];
    for await (const { cells } of source.tensors.chunks()) labels.push(...cells[1]);
    return { classes: source.tensors.classes, labels };
  });

test('a loss for numbers takes the numbers that folders are named by, not their places in the list', async () => {
  for (const age of ['10', '2.5']) write(`ages/${age}/0.png`, await png(9));
  expect(await numbersOf('ages')).toEqual({ classes: undefined, labels: [10, 2.5] });
  write('ages/old/0.png', await png(9));
  await expect(numbersOf('ages')).rejects.toMatchObject({
    code: 'DATA_LABEL',
    message: expect.stringMatching(/old: the folder's name is not a number/),
  });
});

test('a folder is walked once: an image that comes while data are prepared is not read without its hash', async () => {
  await photos('growing');
  await withContext('softmaxCrossEntropy', async (context) => {
    const config = { images: { folder: 'growing', ...shape, size: [2, 2] as [number, number] } };
    const files = await sourceKind(config).files(config, context);
    write('growing/dog/late.png', await png(9));
    const source = await openSource(config, context);
    expect(source.type === 'tensors' && source.tensors.rowCount).toBe(files.length);
  });
});

test('an inspected folder has its classes', async () => {
  const folder = await photos('inspected');
  const { labels } = await inspectSource(
    { images: { folder, size: [2, 2] } },
    { recipeFolder: scratch, dataFolders: [] },
  );
  expect(labels.map(({ text }) => text)).toEqual(['cat', 'dog']);
});
