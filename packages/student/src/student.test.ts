// Models on disk and over HTTP, rows in every form, and one clear sentence for what cannot be used.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelMetadata } from '@stillhouse/core';
import { loadStudent } from './student.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-student-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => tf.setBackend('cpu'));

const houseMetadata: ModelMetadata = {
  loss: 'mse',
  inputShape: [3],
  columns: [
    {
      name: 'rooms',
      type: 'number',
      transform: 'none',
      shift: 2,
      scale: 2,
      fill: 4,
      indicator: false,
      missing: 'mean',
      dtype: 'F32',
    },
    { name: 'town', type: 'category', encode: 'oneHot', categories: ['A', 'B'], dtype: 'U8' },
  ],
  outputs: 1,
  targets: [{ name: 'price', mean: 100, deviation: 10 }],
  classes: null,
};
const pictureMetadata: ModelMetadata = {
  loss: 'softmaxCrossEntropy',
  inputShape: [1, 2, 1],
  columns: [{ name: 'x', type: 'tensor', size: 2, factors: [1 / 255], offsets: [0], dtype: 'U8' }],
  outputs: 2,
  targets: [],
  classes: ['left', 'right'],
};

/** Writes a model of one dense layer, whose kernel [inputs, outputs] is given row by row. */
async function write(name: string, metadata: ModelMetadata, kernel: readonly number[]): Promise<string> {
  const model = tf.sequential();
  const size = kernel.length / metadata.outputs;
  model.add(tf.layers.reshape({ inputShape: [...metadata.inputShape], targetShape: [size] }));
  model.add(tf.layers.dense({ units: metadata.outputs, useBias: false }));
  model.setWeights([tf.tensor2d([...kernel], [size, metadata.outputs])]);
  const path = join(folder, name);
  mkdirSync(path);
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      const json = { modelTopology, weightsManifest, userDefinedMetadata: { stillhouse: metadata } };
      writeFileSync(join(path, 'model.json'), JSON.stringify(json));
      writeFileSync(join(path, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return path;
}

let houses = '';
let pictures = '';
beforeAll(async () => {
  houses = await write('houses', houseMetadata, [1, 2, 3]);
  pictures = await write('pictures', pictureMetadata, [5, 0, 0, 5]);
});

describe('a table', () => {
  test('transforms of the target are undone', async () => {
    const [target] = houseMetadata.targets;
    const trained = (name: string, how: object): Promise<string> =>
      write(name, { ...houseMetadata, targets: [{ ...target, ...how }] }, [0, 0, 1]);
    const predict = async (name: string, how: object): Promise<unknown> =>
      (await loadStudent(await trained(name, how), tf)).predict({ rooms: 4, town: 'B' });
    const values = (value: number): object => ({ values: [expect.closeTo(value, 5)] });
    const scale = { mean: 1, deviation: 2 };
    expect(await predict('log', { ...scale, transform: 'log' })).toEqual(values(Math.exp(3)));
    expect(await predict('log1p', { ...scale, transform: 'log1p' })).toEqual(values(Math.exp(3) - 1));
    expect(await predict('power', { ...scale, transform: 'yeoJohnson', lambda: 0.5 })).toEqual(values(2.5 ** 2 - 1));
    expect(await predict('bound', { ...scale, transform: 'yeoJohnson', lambda: -0.5, limit: 7 })).toEqual(values(7));
    await expect(predict('other', { transform: 'cubeRoot' })).rejects.toMatchObject({
      code: 'STUDENT_FORMAT',
      message: expect.stringContaining('was trained with cubeRoot, unknown here'),
    });
  });

  test('a row gives one prediction, a list of rows a list, in the target’s units', async () => {
    const student = await loadStudent(houses, tf);
    expect([student.targets, student.classes]).toEqual([['price'], []]);
    expect(await student.predict({ rooms: 4, town: 'A' })).toEqual({ values: [130] });
    expect(await student.predict([{ rooms: '2', town: 'B' }])).toEqual([{ values: [130] }]);
    expect(await student.predict([])).toEqual([]);
    // A missing number is the mean, and a category that training did not know none of them.
    expect(await student.predict({ rooms: null, town: 'C' })).toEqual({ values: [110] });
  });

  test.each([
    ['DATA_COLUMN', 'row 1 has no column "town"; it has rooms', { rooms: 3 }],
    [
      'DATA_CELL',
      'row 2, column rooms: "many" is not a number',
      [
        { rooms: 1, town: 'A' },
        { rooms: 'many', town: 'A' },
      ],
    ],
    ['PREDICT_ROW', 'row 1 is no object with a cell per column', [1, 2, 3]],
    ['PREDICT_ROW', 'row 1 is no object with a cell per column', Float32Array.of(1)],
  ])('refuses with %s: %s', async (code, message, rows) => {
    const student = await loadStudent(houses, tf);
    await expect(student.predict(rows as never)).rejects.toMatchObject({ name: 'StudentError', code, message });
  });

  test('one output for two classes: a probability for each, in the order of their names', async () => {
    const metadata = { ...houseMetadata, loss: 'binaryCrossEntropy', targets: [], classes: ['no', 'yes'] } as const;
    const student = await loadStudent(await write('churn', metadata, [-1, 0, 0]), tf);
    const probabilities = [expect.closeTo(0.731059, 5), expect.closeTo(0.268941, 5)];
    expect(await student.predict({ rooms: 4, town: 'A' })).toEqual({ class: 'no', probabilities });
    expect(student.classes).toEqual(['no', 'yes']);
  });

  test('a prediction leaves no tensor behind, and dispose frees the model', async () => {
    const before = tf.memory().numTensors;
    const student = await loadStudent(houses, tf);
    const loaded = tf.memory().numTensors;
    await student.predict({ rooms: 4, town: 'A' });
    expect(tf.memory().numTensors).toBe(loaded);
    student.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('images and arrays', () => {
  const left = { class: 'left', probabilities: [expect.closeTo(0.993307, 5), expect.closeTo(0.006693, 5)] };
  const image = { width: 2, height: 1, data: Uint8ClampedArray.of(255, 255, 255, 255, 0, 0, 0, 255) };
  const canvas = { width: 2, height: 1, getContext: () => ({ getImageData: () => image }) };

  test('one row: numbers, bytes, a tensor, pixels, a canvas', async () => {
    const student = await loadStudent(pictures, tf);
    expect(student.classes).toEqual(['left', 'right']);
    for (const row of [[255, 0], Uint8Array.of(255, 0), image, canvas])
      expect(await student.predict(row)).toEqual(left);
    expect(await student.predict(tf.tensor3d([[[255], [0]]]))).toEqual(left);
    expect(await student.predict(tf.tensor1d([255, 0]))).toEqual(left);
  });

  test('several rows: a list of any of them, or a tensor with a dimension more', async () => {
    const student = await loadStudent(pictures, tf);
    const right = { class: 'right', probabilities: [...left.probabilities].reverse() };
    const rows = [[255, 0], [[[0], [255]]], Uint8Array.of(255, 0), tf.tensor1d([0, 255]), image, canvas];
    expect(await student.predict(rows)).toEqual([left, right, left, right, left, left]);
    expect(await student.predict(tf.tensor2d([255, 0, 0, 255], [2, 2]))).toEqual([left, right]);
    expect(await student.predict(tf.tensor4d([255, 0, 0, 255], [2, 1, 2, 1], 'int32'))).toEqual([left, right]);
  });

  test.each([
    ['row 1 has 3 values; the model takes 2', [1, 2, 3]],
    [
      'row 2 has no number as value 2',
      [
        [1, 2],
        [1, NaN],
      ],
    ],
    ['row 1 is no array of numbers, tensor, ImageData or canvas', { rooms: 3 }],
    ['row 1 is no array of numbers, tensor, ImageData or canvas', 'x'],
    ['row 1 is an image of 2×2 pixels; the model takes 1×2×1 numbers', { ...image, height: 2 }],
  ])('refuses with PREDICT_ROW: %s', async (message, rows) => {
    const student = await loadStudent(pictures, tf);
    await expect(student.predict(rows as never)).rejects.toMatchObject({ code: 'PREDICT_ROW', message });
  });
});

describe('loading', () => {
  const house = { rooms: 4, town: 'A' };

  test('by a path, a relative one, a file URL, and model.json itself', async () => {
    const json = join(houses, 'model.json');
    for (const where of [`${houses}/`, relative('.', houses), json, pathToFileURL(houses), pathToFileURL(json).href]) {
      const student = await loadStudent(where, tf);
      expect(await student.predict(house)).toEqual({ values: [130] });
    }
  });

  test('over HTTP, with the query that signs the address', async () => {
    const server = createServer(({ url }, response) => {
      const { pathname, search } = new URL(url!, 'http://x');
      if (search !== '?key=1') response.writeHead(403).end();
      else response.end(readFileSync(join(folder, pathname)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/houses`;
    const student = await loadStudent(`${address}?key=1`, tf);
    expect(await student.predict(house)).toEqual({ values: [130] });
    await expect(loadStudent(address, tf)).rejects.toMatchObject({
      code: 'STUDENT_NOT_FOUND',
      message: `${address}/model.json cannot be read: HTTP 403`,
    });
    server.closeAllConnections();
    server.close();
    await expect(loadStudent(`${address}?key=1`, tf)).rejects.toMatchObject({ code: 'STUDENT_NOT_FOUND' });
  });

  test.each([
    [
      'nothing there',
      () => join(folder, 'nowhere'),
      'STUDENT_NOT_FOUND',
      /nowhere\/model\.json cannot be read: ENOENT/,
    ],
    ['no JSON', (path: string) => writeFileSync(join(path, 'model.json'), '<html>'), 'STUDENT_FORMAT', /is not JSON/],
    [
      'a model of another program',
      (path: string) => writeFileSync(join(path, 'model.json'), '{"modelTopology":{}}'),
      'STUDENT_FORMAT',
      /is of no run of Stillhouse/,
    ],
    [
      'another loss',
      (path: string) =>
        writeFileSync(
          join(path, 'model.json'),
          readFileSync(join(path, 'model.json'), 'utf8').replace('"loss":"mse"', '"loss":"toString"'),
        ),
      'STUDENT_FORMAT',
      /was trained with toString, unknown here/,
    ],
    [
      'half the weights',
      (path: string) => truncateSync(join(path, 'weights.bin'), 8),
      'STUDENT_FORMAT',
      /has no complete model/,
    ],
    [
      'no weights',
      (path: string) => rmSync(join(path, 'weights.bin')),
      'STUDENT_NOT_FOUND',
      /weights\.bin cannot be read/,
    ],
  ])('refuses %s', async (name, damage, code, message) => {
    const path = await write(name, houseMetadata, [1, 2, 3]);
    const where = damage(path) ?? path;
    await expect(loadStudent(where, tf)).rejects.toMatchObject({
      name: 'StudentError',
      code,
      message: expect.stringMatching(message),
    });
  });

  const [number, category] = houseMetadata.columns;
  test.each<[what: string, damaged: object]>([
    ['no targets', { targets: undefined }],
    ['targets without a scale', { targets: [{ name: 'price' }] }],
    ['a number for its classes', { classes: 3 }],
    ['no columns', { columns: [] }],
    ['a column that is null', { columns: [null] }],
    ['a column of an unknown type', { columns: [{ ...number, type: 'text' }] }],
    ['a column of numbers without a scale', { columns: [{ ...number, scale: undefined }] }],
    ['a category without categories', { columns: [{ ...category, categories: undefined }] }],
    ['pixels without factors', { columns: [{ ...pictureMetadata.columns[0], factors: 1 }] }],
    ['a shape of text', { inputShape: ['3'] }],
  ])('refuses a model.json that is damaged: %s', async (name, damaged) => {
    const path = await write(name, houseMetadata, [1, 2, 3]);
    const file = join(path, 'model.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as { userDefinedMetadata: { stillhouse: object } };
    Object.assign(json.userDefinedMetadata.stillhouse, damaged);
    writeFileSync(file, JSON.stringify(json));
    await expect(loadStudent(path, tf)).rejects.toMatchObject({
      code: 'STUDENT_FORMAT',
      message: expect.stringMatching(/is of no run of Stillhouse, or damaged$/),
    });
  });
});
