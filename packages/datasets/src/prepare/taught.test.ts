// A student's rows are encoded and held out as its teacher's were, or the difference is named.
import { expect, test } from 'vitest';
import { parseRecipe, type RecipeInput } from '@stillhouse/core';
import { csv, failure, folder, idx, rowsOf, useFolder, write, type Data } from './prepare.test.fixture.js';
import { prepareDataset, type Dataset } from './prepare.js';
import type { Taught } from './taught.js';

useFolder();

const model = { layers: [{ dense: 1 }] };
const places = { recipeFolder: folder, dataFolders: [folder] };

/** Prepares rows for a student, or for the teacher itself. */
function prepared(data: Data, change: Partial<RecipeInput> = {}, taught?: Taught): Promise<Dataset> {
  const recipe = parseRecipe({ data, loss: 'mse', teacher: { model, validation: 0.2 }, ...change });
  return prepareDataset(recipe, places, { folder: `${folder}/prepared`, taught });
}

const taughtOn = ({ manifest, preprocessing, heldOut }: Dataset, isHeard = true): Taught => ({
  path: 'runs/a',
  metadata: { ...manifest, targets: preprocessing?.targets ?? [] },
  heldOut,
  isHeard,
});

const rows = (columns = 'a,kind,y'): string =>
  [columns, ...Array.from({ length: 60 }, (_, i) => `${(i * i) % 37},${'xyz'[i % 3]},${i % 11}`)].join('\n');
const split = (text = rows(), table: object = {}): Data => ({
  large: csv(text),
  split: { test: 0.2 },
  table: { target: 'y', ...table },
});

test('with another seed, its columns, target and held-out rows are the teacher’s, and that is said', async () => {
  const data = split();
  const teacher = await prepared(data, { seed: 1 });
  const alone = await prepared(data, { seed: 2 });
  expect(alone.manifest.columns).not.toEqual(teacher.manifest.columns);
  const student = await prepared(data, { seed: 2 }, taughtOn(teacher));
  expect(student.manifest.columns).toEqual(teacher.manifest.columns);
  expect(student.manifest.targets).toEqual(teacher.manifest.targets);
  expect(student.manifest.sets).toEqual(teacher.manifest.sets);
  expect(student.heldOut).toEqual(teacher.heldOut);
  expect(student.manifest.sets.test).not.toEqual(alone.manifest.sets.test);
  expect(student.warnings).toEqual([]);
  // Other rows of the same kind: nothing is known about which of them the teacher has seen.
  const elsewhere = await prepared(split(rows().replaceAll(',x,', ',w,')), { seed: 2 }, taughtOn(teacher));
  expect(elsewhere.manifest.columns).toEqual(teacher.manifest.columns);
  expect(elsewhere.heldOut.seed).toBe(2);
  expect(elsewhere.warnings[0]).toMatch(
    /^"a", "kind", "y": encoded as when the teacher runs\/a was trained, not as these rows alone would have it$/,
  );
  expect(elsewhere.warnings.join()).toMatch(
    /column kind of .* rows has a category that the training rows did not have/,
  );
});

test.each([
  ['lacks', () => split(rows('b,kind,y')), /takes "a", which data.large does not give, and was not trained on "b" of/],
  [
    'is declared otherwise',
    () => split(rows(), { columns: { a: { number: 'log' } } }),
    /column "a" as { number: standardize }, but here it is { number: log }/,
  ],
  [
    'is minMax',
    () => split(rows(), { columns: { a: { number: 'minMax' } } }),
    /"a" as { number: standardize }, but here it is { number: minMax }/,
  ],
  [
    'is an index',
    () => split(rows(), { columns: { kind: { category: 'index' } } }),
    /"kind" as { category: oneHot }, but here it is { category: index }/,
  ],
  [
    'is unscaled',
    () => split(rows(), { standardize: false, columns: { a: { number: 'standardize' } } }),
    /target "y" scaled, but here it is unscaled/,
  ],
] as const)('a column that %s is named', async (_, data, message) => {
  const teacher = await prepared(split(), { seed: 1 });
  expect(await failure(() => prepared(data(), {}, taughtOn(teacher)))).toMatchObject({
    code: 'TEACHER_UNLIKE',
    message: expect.stringMatching(message),
  });
});

test('if only layers are copied, the target is the student’s own', async () => {
  const teacher = await prepared(split(), { seed: 1 });
  const student = await prepared(
    split(rows(), { standardize: false, columns: { a: { number: 'standardize' } } }),
    {},
    taughtOn(teacher, false),
  );
  expect(student.manifest.columns).toEqual(teacher.manifest.columns);
  expect(student.manifest.targets).toEqual([{ mean: 0, deviation: 1 }]);
});

test('classes are the teacher’s; one that it does not know is named', async () => {
  const loss = { loss: 'softmaxCrossEntropy' } as const;
  const of = (names: string): Data => ({
    large: csv(['a,y', ...Array.from({ length: 30 }, (_, i) => `${i},${names[i % names.length]}`)].join('\n')),
    split: { test: 0.2 },
    table: { target: 'y' },
  });
  const teacher = taughtOn(await prepared(of('xyz'), loss));
  expect((await prepared(of('xz'), loss, teacher)).manifest).toMatchObject({ classes: ['x', 'y', 'z'], outputs: 3 });
  expect(await failure(() => prepared(of('xyw'), loss, teacher))).toMatchObject({
    code: 'TEACHER_UNLIKE',
    message: 'the teacher runs/a does not know the class "w" of data.large; it knows "x", "y", "z"',
  });
});

test('rows of numbers are scaled as the teacher’s were', async () => {
  const data = (values: number[], scale: 'standardize' | 'unit'): Data => {
    const source = {
      idx: { images: write(idx([10, 2, 2], values), ''), labels: write(idx([10], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), '') },
    };
    return { large: source, test: source, tensors: { scale } };
  };
  const values = Array.from({ length: 40 }, (_, i) => (i * 37) % 251);
  const loss = { loss: 'softmaxCrossEntropy' } as const;
  const teacher = taughtOn(await prepared(data(values, 'standardize'), loss));
  const student = await prepared(
    data(
      values.map((value) => value >> 1),
      'standardize',
    ),
    loss,
    teacher,
  );
  expect(student.manifest.columns).toEqual(teacher.metadata.columns);
  expect((await rowsOf(student, 'test')).x[0]).not.toBeNaN();
  expect(await failure(() => prepared(data(values, 'unit'), loss, teacher))).toMatchObject({
    code: 'TEACHER_UNLIKE',
    message: expect.stringMatching(/scales numbers by factors .*, but here they are scaled by factors 0\.0039/),
  });
});

test('transforms of targets are the teacher’s, or the difference is named', async () => {
  const values = Array.from({ length: 30 }, (_, i) => 1 + ((i * 37) % 251));
  const data = (numbers: number[], targetTransform?: Data['targetTransform']): Data => {
    const source = {
      idx: { images: write(idx([30, 1], numbers), ''), labels: write(idx([30], numbers), '') },
    };
    return { large: source, test: source, ...(targetTransform ? { targetTransform } : {}) };
  };
  const taught = async (targetTransform?: Data['targetTransform']): Promise<Taught> => {
    const dataset = await prepared(data(values, targetTransform));
    const there = taughtOn(dataset);
    return { ...there, metadata: { ...there.metadata, targets: dataset.manifest.targets } };
  };
  const teacher = await taught('yeoJohnson');
  const others = values.map((value) => 1 + (value >> 1));
  const student = await prepared(data(others, 'yeoJohnson'), {}, teacher);
  expect(student.manifest.targets).toEqual(teacher.metadata.targets);
  for (const [there, here, message] of [
    [teacher, undefined, 'learned the target "1" yeoJohnson, scaled, but here it is unscaled'],
    [teacher, 'log', 'learned the target "1" yeoJohnson, scaled, but here it is log, scaled'],
    [await taught(), 'log', 'learned the target "1" unscaled, but here it is log, scaled'],
  ] as const)
    expect(await failure(() => prepared(data(others, here), {}, there))).toMatchObject({
      code: 'TEACHER_UNLIKE',
      message: expect.stringContaining(message),
    });
});

test('what the teacher may have seen of the test rows is said', async () => {
  const data = split();
  const teacher = taughtOn(await prepared(data));
  const wider = { ...data, split: { test: 0.4 } };
  expect((await prepared(wider, {}, teacher)).warnings.join()).toContain(
    'may have been trained on rows that data.split.test holds out: it held out a share of 0.2',
  );
  expect((await prepared(data, {}, { ...teacher, heldOut: undefined })).warnings.join()).toContain(
    'did not store which rows it held out',
  );
});
