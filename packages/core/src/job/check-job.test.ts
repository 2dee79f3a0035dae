// What data does not have is refused before any worker joins.
import { expect, test } from 'vitest';
import type { FittedColumn, NumberColumn, TensorColumn } from '../format/columns.js';
import type { LayerConfig } from '../recipe/model.js';
import { parseRecipe } from '../recipe/parse.js';
import type { DatasetManifest } from './job.js';
import { checkJob } from './check-job.js';

const number = (name: string): NumberColumn => ({
  name,
  type: 'number',
  transform: 'none',
  shift: 0,
  scale: 1,
  fill: 0,
  indicator: false,
  missing: 'error',
  dtype: 'F32',
});
const picture: TensorColumn = { name: 'x', type: 'tensor', size: 4, factors: [1], offsets: [0], dtype: 'U8' };
const set = { rowCount: 64, blockRows: 64, blocks: [], rowsDigest: '' };
const table: DatasetManifest = {
  inputShape: [2],
  columns: [number('a'), number('b')],
  outputs: 1,
  classes: null,
  labelCount: 1,
  targets: [],
  sets: { large: set, small: set, pool: set, test: set },
};
const pictures: DatasetManifest = { ...table, inputShape: [2, 2, 1], columns: [picture] };
const wider: DatasetManifest = {
  ...table,
  student: { ...table, inputShape: [3], columns: [...table.columns, number('c')] },
};

const generator = { generator: 'friedman1', rows: 64 } as const;
const recipeOf = (student: object = {}, distill: object = {}, teacher: object = {}): ReturnType<typeof parseRecipe> =>
  parseRecipe({
    data: { large: generator, small: generator, pool: generator, test: generator },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 8 }, { dense: 1 }] }, ...teacher },
    student: { model: { layers: [{ dense: 1 }] }, ...student },
    distill,
  });

const category = { name: 'c', type: 'category', categories: ['x', 'y', 'z'], dtype: 'U8' } as const;
const embedded: [what: string, column: FittedColumn, why: string][] = [
  ['more categories', { ...category, encode: 'index' }, 'column c has 3 categories: inputDim must be at least 4'],
  ['an input per category', { ...category, encode: 'oneHot' }, 'column c becomes an input per category: declare it'],
  ['scaled numbers', { ...number('a'), scale: 2 }, 'column a is scaled: declare it with number: none'],
  ['scaled rows', { ...picture, factors: [1 / 255] }, 'rows are scaled: set data.tensors.scale to none'],
];

test('an embedding of indices is accepted', () => {
  const layers: LayerConfig[] = [{ embedding: 2, inputDim: 4 }, 'flatten', { dense: 1 }];
  for (const column of [{ ...category, encode: 'index' } as const, number('a'), picture])
    checkJob({ recipe: recipeOf({ model: { layers } }), dataset: { ...table, inputShape: [1], columns: [column] } });
});

test('a recipe that fits its data is accepted', () => {
  checkJob({ recipe: recipeOf(), dataset: table });
  const images = recipeOf(
    { augment: { shift: 1 } },
    { transfer: [{ from: 'small', augment: { flip: 'horizontal' } }] },
  );
  checkJob({ recipe: images, dataset: pictures });
});

test.each<readonly [string, ReturnType<typeof parseRecipe>, DatasetManifest, string]>([
  ['images changed, of a table', recipeOf({ augment: { shift: 1 } }), table, 'student.augment.shift is for images'],
  [
    'images changed in a transfer set, of a table',
    recipeOf({}, { transfer: [{ from: 'pool', augment: { shift: 1 } }] }),
    table,
    'distill.transfer[0].augment.shift is for images, but rows have the shape [2]',
  ],
  [
    'columns drawn by themselves, of pictures',
    recipeOf({}, { transfer: [{ from: 'columns' }] }),
    pictures,
    'distill.transfer[0].from is columns, but rows have the shape [2, 2, 1]',
  ],
  [
    'rows that lack columns of the student',
    recipeOf({}, { transfer: [{ from: 'pool' }, { from: 'large' }] }),
    wider,
    'distill.transfer[1].from is large: its rows lack columns',
  ],
  [
    'indices that are blended in a transfer set',
    recipeOf(
      { model: { layers: [{ embedding: 2, inputDim: 4 }, 'flatten', { dense: 1 }] } },
      { transfer: [{ from: 'small', augment: { mixup: 1 } }] },
    ),
    table,
    'distill.transfer[0].augment.mixup blends rows, but student.model.layers[0].embedding takes whole numbers',
  ],
  ...embedded.map(
    ([what, column, why]) =>
      [
        `an embedding of ${what}`,
        recipeOf({ model: { layers: [{ embedding: 2, inputDim: 3 }, 'flatten', { dense: 1 }] } }),
        { ...table, inputShape: [1], columns: [column] },
        `student.model.layers[0].embedding takes whole numbers from 0 to 2, but ${why}`,
      ] as const,
  ),
])('%s: refused', (_, recipe, dataset, message) => {
  expect(() => checkJob({ recipe, dataset })).toThrow(message);
  expect(() => checkJob({ recipe, dataset })).toThrow(expect.objectContaining({ code: 'RECIPE_INVALID' }));
});

test('biases are not corrected on rows that lack columns of the student', () => {
  const recipe = parseRecipe({
    ...recipeOf(),
    loss: 'softmaxCrossEntropy',
    teacher: { model: { layers: [{ dense: 2 }] } },
    student: { model: { layers: [{ dense: 2 }] } },
    distill: { correctBiases: true },
  });
  const dataset = { ...wider, outputs: 2, student: { ...wider.student!, outputs: 2 } };
  expect(() => checkJob({ recipe, dataset })).toThrow('distill.correctBiases needs rows of the large set');
});

test('a model whose last layer has other outputs than the data is refused', () => {
  for (const [recipe, part] of [
    [recipeOf({ model: { layers: [{ dense: 3 }] } }), 'student'],
    [recipeOf({}, {}, { model: { layers: [{ dense: 3 }] } }), 'teacher'],
  ] as const)
    expect(() => checkJob({ recipe, dataset: table })).toThrow(
      expect.objectContaining({
        code: 'MODEL_SHAPE',
        message: expect.stringContaining(`${part}.model gives outputs of shape [3], but the data need [1]`),
      }),
    );
});
