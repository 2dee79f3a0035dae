// Labels that a loss cannot be trained with are refused, with place and advice, whatever source and set they are in.
import { describe, expect, test } from 'vitest';
import { openModules, parseRecipe } from '@stillhouse/core';
import type { LossName } from '@stillhouse/core/training';
import { prepareDataset, type Dataset } from './prepare.js';
import { join } from 'node:path';
import { maskedCrc } from '../source/tfrecord-set.js';
import { csv, failure, folder, idx, load, rowsOf, useFolder, write, type Data } from './prepare.test.fixture.js';

useFolder();

const labelled = (labels: readonly unknown[]): { csv: string } =>
  csv(`a,y\n${labels.map((label, i) => `${i},${String(label)}`).join('\n')}\n`);
const tableOf = (large: readonly unknown[], test = large): Data => ({
  large: labelled(large),
  test: labelled(test),
  table: { target: 'y' },
});

/** Rows { x, y } of a module. */
const yielded = (labels: readonly unknown[]): { module: string } => ({
  module: write(
    `export default () => [${labels.map((label) => JSON.stringify(label)).join(', ')}]` +
      '.map((y, i) => ({ x: [i], y: y === null ? NaN : y }));\n',
    '.mjs',
  ),
});
const modules = (large: readonly unknown[], test = large): Data => ({ large: yielded(large), test: yielded(test) });
const images = (labels: readonly number[]): { idx: { images: string; labels: string } } => ({
  idx: {
    images: write(idx([labels.length, 1, 1], new Uint8Array(labels.length)), '.idx'),
    labels: write(idx([labels.length], [...labels]), 'l.idx'),
  },
});

const binary = 'binaryCrossEntropy';
const softmax = 'softmaxCrossEntropy';

test.each<[string, LossName, () => Data, RegExp]>([
  [
    '−1 and 1 of a table',
    binary,
    () => tableOf([1, -1]),
    /\.csv, row 2, column y: label "-1" is not a class from 0 to 1/,
  ],
  [
    '1 and 2 of a table',
    binary,
    () => tableOf([1, 2]),
    /row 2, column y: label "2" is not .* as binaryCrossEntropy needs/,
  ],
  ['a half of a table', binary, () => tableOf([0, 1, 0.5]), /row 3, column y: label "0.5" is not/],
  ['test rows of a table', binary, () => tableOf([0, 1], [0, 3]), /row 2, column y: label "3" is not/],
  [
    'three names',
    binary,
    () => tableOf(['a', 'b', 'c']),
    /have 3 classes \("a", "b", "c"\); binaryCrossEntropy takes two/,
  ],
  [
    'one name',
    softmax,
    () => tableOf(['yes', 'yes']),
    /every training row has the class "yes"; softmaxCrossEntropy needs/,
  ],
  ['one name, yes or no', binary, () => tableOf(['yes', 'yes']), /every training row has the class "yes"/],
  ['one number, yes or no', binary, () => tableOf([1, 1]), /every training row has the class "1"/],
  [
    '−1 and 1 of a module',
    binary,
    () => modules([1, -1]),
    /data.large .*: label -1 of row 2 is not a class from 0 to 1/,
  ],
  ['one class of a module', softmax, () => modules([2, 2]), /every training row has the class "2"/],
  ['a negative class', softmax, () => modules([0, 1, -1]), /label -1 of row 3 is not a class from 0 to 1, as softmax/],
  ['a class between two', softmax, () => modules([0, 1, 0.5]), /label 0.5 of row 3 is not a class from 0 to 1/],
  ['no number', softmax, () => modules([0, 1, null]), /label NaN of row 3 is not a finite number/],
  ['no number for regression', 'mse', () => modules([0, 1, null]), /label NaN of row 3 is not a finite number/],
  [
    'only fractions',
    softmax,
    () => modules([0.5, 1.5]),
    /label 0.5 of row 1 is not a class, which is a whole number from 0/,
  ],
  [
    'a class beyond the large set’s in test rows',
    softmax,
    () => modules([0, 1], [0, 2]),
    /data.test .*label 2 of row 2/,
  ],
  [
    'one-hot labels',
    softmax,
    () =>
      modules([
        [0, 1],
        [1, 0],
      ]),
    /has 2 numbers per label, but softmaxCrossEntropy takes one/,
  ],
  [
    'one class of images',
    softmax,
    () => ({ large: images([1, 1]), test: images([1]) }),
    /every training row has the class "1"/,
  ],
  [
    'what only validation rows have',
    softmax,
    () => ({ ...modules([]), large: { ...yielded([0, 0, 0, 1]), classes: [0] }, test: yielded([0]) }),
    /every training row has the class "0"/,
  ],
])('%s: refused', async (_, loss, data, message) => {
  expect(await failure(() => load(data(), { loss }))).toMatchObject({
    code: 'DATA_LABEL',
    message: expect.stringMatching(message),
  });
});

test.each([
  [[1, -1], 'y > 0'],
  [[1, 2], 'y = 2'],
  [[0, 10], 'y = 10'],
])('the advice for labels %j of yes or no says how to map them', async (labels, condition) => {
  expect(await failure(() => load(tableOf(labels), { loss: binary }))).toMatchObject({
    next:
      `Labels must be 0 or 1: map them, for example with a sql source (case when ${condition} then 1 else 0 end as ` +
      'y), or use softmaxCrossEntropy, which takes any classes, with an output for each of them.',
  });
});

test('labels of another length than the large set’s are refused', async () => {
  expect(await failure(() => load(modules([1, 2], [[1, 2]])))).toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(/data.test .* has 2 numbers per label, but data.large .* has 1/),
  });
});

test('labels that are infinite do not spoil what is fitted: their own row is named', async () => {
  expect(await failure(() => load(tableOf([1, 2, 'inf', 3])))).toMatchObject({
    code: 'DATA_LABEL',
    message: expect.stringMatching(/row 3, column y: label "inf" is not a finite number/),
  });
});

test('labels of yes or no are taken as numbers, names or booleans, and rare ones of several targets', async () => {
  expect([...(await rowsOf(await load(tableOf([0, 1, '1.0']), { loss: binary }), 'large')).y]).toEqual([0, 1, 1]);
  expect([...(await rowsOf(await load(tableOf(['no', 'yes']), { loss: binary }), 'large')).y]).toEqual([0, 1]);
  const several = await load(
    modules([
      [0, 1],
      [0, 0],
    ]),
    { loss: binary },
  );
  expect([...(await rowsOf(several, 'large')).y]).toEqual([0, 1, 0, 0]);
});

describe('a loss of a module', () => {
  const loadWith = async (definition: string, data: Data): Promise<Dataset> => {
    const source =
      `export default () => ({ name: 'poisson', labels: 'numbers', row: () => 0, hard: () => 0, soft: () => 0, ` +
      `${definition} });\n`;
    const loss = { module: 'poisson.mjs', source };
    const recipe = parseRecipe({ data, loss, teacher: { model: { layers: [{ dense: 1 }] } } });
    await openModules(recipe);
    const places = { recipeFolder: folder, dataFolders: [folder] };
    return prepareDataset(recipe, places, { folder: join(folder, 'prepared') });
  };
  const counts = `takes: { text: 'a count', fits: (label) => Number.isInteger(label) && label >= 0 }`;

  test('declares the labels that it takes', async () => {
    const raw = { target: 'y', standardize: false };
    const dataset = await loadWith(counts, { ...tableOf([0, 3]), table: raw });
    expect([...(await rowsOf(dataset, 'large')).y]).toEqual([0, 3]);
    expect(await failure(() => loadWith(counts, { ...tableOf([0, 1.5]), table: raw }))).toMatchObject({
      code: 'DATA_LABEL',
      message: expect.stringMatching(/row 2, column y: label "1.5" is not a count, as poisson needs/),
    });
    expect(await failure(() => loadWith(counts, modules([2, -1])))).toMatchObject({
      message: expect.stringMatching(/label -1 of row 2 is not a count, as poisson needs/),
    });
  });

  test('gets labels as they are scaled, and it is said if only the scaling does not fit', async () => {
    expect(await failure(() => loadWith(counts, tableOf([0, 3])))).toMatchObject({
      code: 'DATA_LABEL',
      message: expect.stringMatching(/label "0" becomes -1 after scaling, which is not a count, as poisson needs/),
      next: expect.stringContaining('data.targetTransform to none'),
    });
  });

  test('that declares half of it is refused', async () => {
    expect(await failure(() => loadWith(`takes: { text: 'a count' }`, tableOf([0, 3])))).toMatchObject({
      code: 'EXTENSION_MODULE',
      message: expect.stringContaining('takes needs a text, and fits, a function'),
    });
  });
});

describe('labels that leave nothing to learn are named', () => {
  const notesOf = async (data: Data, loss: LossName): Promise<string[]> =>
    (await load(data, { loss })).warnings.map((each) => each.replace(/^data\.large \([^)]*\): /, ''));

  test('a constant target of a table, and of rows that are none', async () => {
    const constant = 'is the same in every training row: there is nothing to learn about it';
    expect(await notesOf(tableOf([3.7, 3.7, 3.7]), 'mse')).toEqual([`y ${constant}`]);
    expect(await notesOf(tableOf([3.7, 3.7, 3.8]), 'mse')).toEqual([]);
    expect(await notesOf(modules([5, 5, 5]), 'mse')).toEqual([`the label ${constant}`]);
    const pairs = [
      [1, 2],
      [3, 2],
    ];
    const rows = {
      module: write(`export default () => ${JSON.stringify(pairs)}.map((y, i) => ({ x: [i], y }));`, '.mjs'),
    };
    expect(await notesOf({ large: rows, test: rows }, 'mse')).toEqual([`number 2 of the label ${constant}`]);
  });

  test('numbers of classes that no training row has, such as 0 where they are counted from 1', async () => {
    expect(await notesOf(modules([1, 2, 1]), softmax)).toEqual([
      'no training row has class 0, though classes are counted from 0 to 2',
    ]);
    expect(await notesOf(modules([0, 1, 2]), softmax)).toEqual([]);
    expect(await notesOf(tableOf([1, 2, 1]), softmax)).toEqual([]);
  });
});

test('a label is scaled before it is rounded to fp32, from whatever source', async () => {
  const given = [0, 1, 2, 3].map((i) => 1.7e9 + i);
  const dataset = await load({ ...modules(given), targetTransform: 'standardize' }, { loss: 'mse' });
  const deviation = Math.sqrt(5 / 4);
  const expected = [-1.5, -0.5, 0.5, 1.5].map((value) => expect.closeTo(value / deviation, 6));
  expect([...(await rowsOf(dataset, 'large')).y]).toEqual(expected);
  expect(await failure(() => load(modules([1, 1e300]), { loss: 'mse' }))).toMatchObject({
    message: expect.stringContaining('label 1e+300 of row 2 is too large a number'),
  });
});

/** A TFRecord file of tf.Example with a float x and whole numbers y; every length is below 128 bytes. */
function tfrecord(rows: readonly (readonly number[])[]): { tfrecord: string; inputs: string; label: string } {
  const field = (id: number, bytes: readonly number[]): number[] => [(id << 3) | 2, bytes.length, ...bytes];
  const feature = (name: string, list: number, values: readonly number[]): number[] =>
    field(1, [...field(1, [...Buffer.from(name)]), ...field(2, field(list, field(1, values)))]);
  const records = rows.map((labels, i) => {
    const x = [...new Uint8Array(Float32Array.of(i).buffer)];
    const bytes = Uint8Array.from(field(1, [...feature('x', 2, x), ...feature('y', 3, labels)]));
    const head = Buffer.alloc(12);
    head.writeUInt32LE(bytes.length);
    head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
    const end = Buffer.alloc(4);
    end.writeUInt32LE(maskedCrc(bytes));
    return Buffer.concat([head, bytes, end]);
  });
  return { tfrecord: write(Buffer.concat(records), '.tfrecord'), inputs: 'x', label: 'y' };
}

test('a label of a TFRecord is one value: several are refused, not cut', async () => {
  const good = tfrecord([[0], [1]]);
  expect([...(await rowsOf(await load({ large: good, test: good }, { loss: softmax }), 'large')).y]).toEqual([0, 1]);
  const several = tfrecord([[0], [1, 0]]);
  expect(await failure(() => load({ large: several, test: several }, { loss: softmax }))).toMatchObject({
    code: 'DATA_CELL',
    message: expect.stringContaining('feature y has 2 values, but a label is one'),
  });
});
