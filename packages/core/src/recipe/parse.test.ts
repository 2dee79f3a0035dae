import { expect, test } from 'vitest';
import { parseRecipe } from './parse.js';
import { recipeJsonSchema, type RecipeInput } from './schema.js';

const base = (): RecipeInput => ({
  data: {
    large: { generator: 'friedman1', rows: 100 },
    small: { generator: 'friedman1', rows: 20 },
    test: { generator: 'friedman1', rows: 20 },
  },
  loss: 'mse',
  teacher: { model: { layers: [{ dense: 8, activation: 'relu' }, { dense: 1 }] } },
  student: { model: { layers: [{ dense: 1 }] } },
});

function errorOf(change: (recipe: Record<string, any>) => void): { code: string; message: string } {
  const recipe = structuredClone(base()) as Record<string, any>;
  change(recipe);
  try {
    parseRecipe(recipe);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('the recipe was taken');
}

test('defaults are filled in', () => {
  const recipe = parseRecipe(base());
  expect(recipe).toMatchObject({
    ranks: 4,
    threads: 1,
    wire: 'fp32',
    seed: 0,
    teacher: {
      batch: 32,
      epochs: 10,
      temperature: 1,
      optimizer: { name: 'adam', learningRate: 0.001, beta1: 0.9 },
      schedule: { name: 'constant', warmupSteps: 0 },
    },
    distill: { alpha: 0, beta: 1 },
  });
  expect(parseRecipe(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
});

test('an unknown key is named with its path and the nearest right one', () => {
  expect(errorOf((recipe) => (recipe['teachr'] = {}))).toMatchObject({
    code: 'RECIPE_UNKNOWN_KEY',
    message: expect.stringContaining('teachr is not a known key; the nearest is teacher'),
  });
  expect(errorOf((recipe) => (recipe['teacher'].epoch = 3))).toMatchObject({
    code: 'RECIPE_UNKNOWN_KEY',
    message: expect.stringContaining('teacher.epoch is not a known key; the nearest is epochs'),
  });
  expect(errorOf((recipe) => (recipe['teacher'].model.layers[0].activaton = 'relu'))).toMatchObject({
    message: expect.stringContaining('teacher.model.layers[0].activaton'),
  });
  expect(errorOf((recipe) => (recipe['teacher'].optimizer = { name: 'adam', momentum: 0.9 }))).toMatchObject({
    code: 'RECIPE_UNKNOWN_KEY',
    message: expect.stringContaining('teacher.optimizer.momentum'),
  });
});

test('a wrong value is named with its path', () => {
  expect(errorOf((recipe) => (recipe['teacher'].epochs = 0))).toMatchObject({
    code: 'RECIPE_INVALID',
    message: expect.stringContaining('teacher.epochs is 0'),
  });
  expect(errorOf((recipe) => (recipe['loss'] = 'maa'))).toMatchObject({
    message: expect.stringContaining('loss is "maa", which is not a known value; the nearest is mae'),
  });
  expect(errorOf((recipe) => (recipe['teacher'].model.layers[0] = 'flat')).message).toContain(
    'teacher.model.layers[0] is "flat", which is not a known value; the nearest is flatten',
  );
  expect(errorOf((recipe) => delete recipe['data'].test)).toMatchObject({
    message: expect.stringContaining('data.test is missing'),
  });
  expect(errorOf((recipe) => (recipe['teacher'].model.layers[1] = { dense: 'many' }))).toMatchObject({
    message: expect.stringContaining('teacher.model.layers[1].dense is "many"'),
  });
});

test('what the schema cannot say is said', () => {
  expect(errorOf((recipe) => delete recipe['data'].small).message).toContain('data.small is missing');
  expect(errorOf((recipe) => (recipe['ranks'] = 64)).message).toContain('less than ranks');
  expect(errorOf((recipe) => (recipe['data'].large = { csv: 'a.csv' })).message).toContain('data.table is missing');
  expect(errorOf((recipe) => (recipe['teacher'].earlyStopping = { patience: 3 })).message).toContain(
    'teacher.validation is 0',
  );
  expect(errorOf((recipe) => (recipe['teacher'].temperature = 4)).message).toContain('mse has none');
  expect(errorOf((recipe) => (recipe['metrics'] = ['accuracy'])).message).toContain('metrics names accuracy');
  expect(errorOf((recipe) => (recipe['distill'] = { terms: [{ name: 'kd' }, { name: 'dkd' }] })).message).toBe(
    'distill.terms[1] is dkd, which separates the target class from the others: mse has no such classes',
  );
  expect(
    errorOf((recipe) => {
      recipe['student'].batch = 200;
      recipe['distill'] = { terms: [{ name: 'rkd' }], transfer: [{ rows: 2 }] };
    }).message,
  ).toContain('a batch has 600 rows, more than 512');
  expect(errorOf((recipe) => (recipe['distill'] = { terms: [{ name: 'kd', weight: 0 }] })).message).toContain(
    'distill.terms have no weight',
  );
  expect(errorOf((recipe) => (recipe['distill'] = { terms: [] })).message).toContain('distill.copy is not given');
  expect(errorOf((recipe) => (recipe['distill'] = { terms: [], copy: 'all', transfer: [{}] })).message).toContain(
    'distill.transfer is given, but distill.terms is empty',
  );
  expect(errorOf((recipe) => (recipe['distill'] = { correctBiases: true })).message).toContain(
    'distill.correctBiases is for classes that exclude each other',
  );
  expect(errorOf((recipe) => (recipe['student'].prune = { sparsity: 0.5, from: 4, to: 3 })).message).toContain(
    'before prune.from',
  );
  expect(errorOf((recipe) => (recipe['student'].prune = { sparsity: 0.5, to: 10 })).message).toContain(
    'would not reach its sparsity',
  );
  expect(
    errorOf((recipe) =>
      Object.assign(recipe['student'], {
        prune: { sparsity: 0.5, to: 3 },
        validation: 0.1,
        earlyStopping: { patience: 1 },
      }),
    ).message,
  ).toContain('student.earlyStopping could end at');
  expect(errorOf((recipe) => (recipe['data'].small.classes = [1])).message).toContain(
    'data.small.classes is given, but mse has none',
  );
  expect(errorOf((recipe) => (recipe['distill'] = { terms: [{ name: 'hint', firstEpochs: 10 }] })).message).toContain(
    'the student would learn only the hint',
  );
  const classes = (recipe: Record<string, any>, distill: object): void =>
    void Object.assign(recipe, { loss: 'softmaxCrossEntropy', distill });
  expect(errorOf((recipe) => classes(recipe, { terms: [{ name: 'bounded' }] })).message).toContain(
    'distill.terms[0] is bounded, which is for regression',
  );
  for (const term of [
    { name: 'dkd', target: 0, rest: 0 },
    { name: 'rkd', distance: 0, angle: 0 },
  ])
    expect(errorOf((recipe) => classes(recipe, { terms: [term] })).message).toContain(
      'distill.terms[0] compares nothing',
    );
  expect(errorOf((recipe) => classes(recipe, { rejectBeyond: 1 })).message).toContain(
    'distill.rejectBeyond is for regression',
  );
  expect(errorOf((recipe) => (recipe['distill'] = { calibrate: true })).message).toContain(
    'distill.calibrate divides logits, but mse has none',
  );
  expect(errorOf((recipe) => (recipe['distill'] = { alpha: 'NaN' })).message).toContain('distill.alpha is "NaN"');
  expect(
    errorOf((recipe) => {
      recipe['distill'] = {};
      delete recipe['student'];
    }).message,
  ).toContain('student is missing');
});

test('a target is transformed by data.targetTransform, not as a column', () => {
  const withTable = (table: object, data: object = {}, loss = 'mse'): { message: string } =>
    errorOf((recipe) => {
      const set = { csv: 'a.csv' };
      Object.assign(recipe, { loss, data: { large: set, small: set, test: set, table, ...data } });
    });
  for (const column of ['ignore', 'category', { number: 'log' }])
    expect(withTable({ target: 'a.b', columns: { 'a.b': column } }).message).toBe(
      'data.table.columns[\'a.b\'] is given, but "a.b" is the target, and columns are inputs: ' +
        'data.targetTransform transforms a target',
    );
  expect(withTable({ target: 'y', columns: { y: 'number' } }, {}, 'softmaxCrossEntropy').message).toContain(
    'data.table.columns.y is given, but "y" is the target, and columns are inputs: leave it out',
  );
  expect(withTable({ target: ['y', 'z', 'y'] }).message).toBe('data.table.target names "y" twice');
  expect(withTable({ target: ['y', 'z'] }, { targetTransform: ['log'] }).message).toBe(
    'data.targetTransform names 1 transforms, but data.table.target names 2 columns',
  );
  expect(withTable({ target: 'y' }, { targetTransform: 'log' }, 'softmaxCrossEntropy').message).toBe(
    'data.targetTransform is for regression, but the loss is softmaxCrossEntropy',
  );
  expect(withTable({ target: 'y' }, { targetTransform: 'ln' }).message).toContain('data.targetTransform');
});

test('rows of a mix are selected together', () => {
  const source = { generator: 'noise', rows: 9 };
  for (const [key, value] of Object.entries({ take: 3, perClass: 3, classes: [1] }))
    expect(
      errorOf(
        (recipe) =>
          (recipe['data'].large = {
            mix: [
              { source, share: 1 },
              { source: { ...source, [key]: value }, share: 1 },
            ],
          }),
      ).message,
    ).toBe(
      `data.large.mix[1].source.${key} is given, but the rows of a mix are selected together: give ` +
        `data.large.${key}, or select rows with a sql source`,
    );
});

test('the published JSON Schema describes every section', () => {
  const schema = recipeJsonSchema() as { properties: Record<string, unknown>; additionalProperties: boolean };
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining(['data', 'teacher', 'student', 'distill', 'loss', 'ranks', 'seed']),
  );
  expect(schema.additionalProperties).toBe(false);
});

test('only a pool has rows without labels, and it cannot be drawn from by labels', () => {
  const images = { idx: { images: 'a' } };
  expect(errorOf((recipe) => (recipe['data'].small = images))).toMatchObject({
    code: 'RECIPE_INVALID',
    message: 'data.small.idx.labels is missing: only data.pool has rows without labels',
  });
  expect(
    errorOf(
      (recipe) =>
        (recipe['data'].large = {
          mix: [
            { source: { npy: { inputs: 'a' } }, share: 1 },
            { source: images, share: 1 },
          ],
        }),
    ),
  ).toMatchObject({ message: expect.stringContaining('data.large.mix[0].source.npy.labels is missing') });
  expect(
    errorOf((recipe) =>
      Object.assign(recipe, {
        data: { ...recipe['data'], pool: { ...images, perClass: 3 } },
        distill: { transfer: [{ from: 'pool' }] },
      }),
    ),
  ).toMatchObject({ message: expect.stringContaining('data.pool.perClass is given') });
  expect(errorOf((recipe) => (recipe['distill'] = { transfer: [{}, { from: 'pool' }] }))).toMatchObject({
    message: 'data.pool is missing: distill.transfer[1] takes rows from it',
  });
  expect(
    errorOf(
      (recipe) =>
        (recipe['data'].pool = {
          mix: [
            { source: images, share: 1 },
            { source: images, share: 1 },
          ],
        }),
    ),
  ).toMatchObject({ message: expect.stringContaining('data.pool is a mix') });
});
