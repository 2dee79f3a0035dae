// A value that a recipe does not take: the member that was meant, the nearest right word, and what the place takes.
import { expect, test } from 'vitest';
import { parseRecipe } from './parse.js';
import type { RecipeInput } from './schema.js';

type Change = (recipe: Record<string, any>) => void;

function refusal(change: Change): string {
  const recipe: Record<string, any> = structuredClone({
    data: {
      large: { generator: 'friedman1', rows: 100 },
      small: { generator: 'friedman1', rows: 20 },
      test: { generator: 'friedman1', rows: 20 },
    },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 8, activation: 'relu' }, { dense: 1 }] } },
    student: { model: { layers: [{ dense: 1 }] } },
  } satisfies RecipeInput);
  change(recipe);
  try {
    parseRecipe(recipe);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  throw new Error('the recipe was taken');
}

const kinds =
  'takes flatten, batchNormalization, layerNormalization, globalAveragePooling1d, globalAveragePooling2d, ' +
  'globalMaxPooling1d, globalMaxPooling2d or an object with dense, conv2d, conv1d, depthwiseConv2d, maxPooling2d, ' +
  'averagePooling2d, maxPooling1d, averagePooling1d, embedding, lstm, gru, simpleRnn, bidirectional, dropout, ' +
  'gaussianNoise, activation or reshape';
const sources = 'an object with generator, csv, parquet, jsonl, sql, npy, npz, images, tfrecord, module, idx or mix';
const losses = 'mse, mae, huber, gaussian, softmaxCrossEntropy, binaryCrossEntropy or an object with module';

const layers = 'teacher.model.layers[0]';
test.each<[value: unknown, text: string]>([
  [{ dens: 32 }, `${layers}.dens is not a known key; the nearest is dense (${layers} ${kinds})`],
  [{ Dense: 32 }, `${layers}.Dense is not a known key; the nearest is dense (${layers} ${kinds})`],
  [
    { 'dense:32': null },
    `${layers}['dense:32'] is not a known key; the nearest is dense, with a space after its colon (${layers} ${kinds})`,
  ],
  [{ foo: 32 }, `${layers}.foo is not a known key (${layers} ${kinds})`],
  [
    { flatten: true },
    `${layers}.flatten is not a known key; the nearest is flatten, without a value (${layers} ${kinds})`,
  ],
  [
    { dense: 3, kernel: 3 },
    `${layers}.kernel is not a known key of dense, only of conv2d or conv1d (${layers} takes dense, activation, bias)`,
  ],
  [
    { conv2d: 3, kernel_size: 3 },
    `${layers}.kernel_size is not a known key; the nearest is kernel ` +
      `(${layers} takes conv2d, kernel, strides, padding, activation, bias)`,
  ],
  [{ relu: null }, `${layers}.relu is not a known key; write {activation: relu} (${layers} ${kinds})`],
  [{ Linear: 8 }, `${layers}.Linear is not a known key; the nearest is dense (${layers} ${kinds})`],
  [{ units: 8 }, `${layers}.units is not a known key; the nearest is dense (${layers} ${kinds})`],
  [{ type: 'Dense', units: 8 }, `${layers}.type is not a known key; write {dense: …} (${layers} ${kinds})`],
  [
    { convolution2d: 3, kernel: 3 },
    `${layers}.convolution2d is not a known key; the nearest is conv2d (${layers} ${kinds})`,
  ],
  [
    { globalMaxPooling1d: null },
    `${layers}.globalMaxPooling1d is not a known key; the nearest is globalMaxPooling1d, without a value ` +
      `(${layers} ${kinds})`,
  ],
  [{ attention: 8 }, `${layers}.attention is not a known key (${layers} ${kinds})`],
  [{ dense: 8, name: 'a' }, `${layers}.name is not a known key (${layers} takes dense, activation, bias)`],
  [
    { bidirectional: { lstn: 3 } },
    `${layers}.bidirectional.lstn is not a known key; the nearest is lstm ` +
      `(${layers}.bidirectional takes an object with lstm, gru or simpleRnn)`,
  ],
])('a layer %j: the key that was meant', (value, text) => {
  expect(refusal((recipe) => (recipe['teacher'].model.layers[0] = value))).toBe(`RECIPE_UNKNOWN_KEY: ${text}`);
});

test.each<[value: unknown, text: string]>([
  ['Flatten', ` is "Flatten", which is not a known value; the nearest is flatten (it ${kinds})`],
  ['dense', ` is "dense"; write {dense: …} (it ${kinds})`],
  [{ dense: '8' }, '.dense is "8"; write 8 (it takes a whole number from 1 to 10,000,000)'],
  [{ dense: 'many' }, '.dense is "many": it takes a whole number from 1 to 10,000,000'],
  ['nn.Linear(4, 8)', ` is "nn.Linear(4, 8)"; write {dense: …} (it ${kinds})`],
  ['ReLU', ` is "ReLU"; write {activation: relu} (it ${kinds})`],
  ['batchNorm', ` is "batchNorm", which is not a known value; the nearest is batchNormalization (it ${kinds})`],
  [{ dense: 3, activation: 'SiLU' }, '.activation is "SiLU", which is not a known value; the nearest is swish (it'],
  [{ dense: 8.5 }, '.dense is 8.5: it takes a whole number from 1 to 10,000,000'],
  [
    { dense: 3, activation: 'RELU' },
    '.activation is "RELU", which is not a known value; the nearest is relu (it takes',
  ],
  [{ conv2d: 3 }, '.kernel is missing: it takes a whole number from 1 to 1024 or a list of 2'],
  [{ conv2d: 3, kernel: [1, 2, 3] }, '.kernel is [1,2,3]: it takes a list of 2'],
  [{ strides: 2 }, ` is {"strides":2}: it ${kinds}`],
  [{}, ` is {}: it ${kinds}`],
  [3, ` is 3: it ${kinds}`],
])('a layer %j: what its place takes', (value, text) => {
  const message = refusal((recipe) => (recipe['teacher'].model.layers[0] = value));
  expect(message.slice(0, `RECIPE_INVALID: ${layers}${text}`.length)).toBe(`RECIPE_INVALID: ${layers}${text}`);
});

test.each<[text: string, change: Change]>([
  [`data.large is "large.csv"; write {csv: large.csv} (it takes ${sources})`, (r) => (r['data'].large = 'large.csv')],
  [`data.large.file is not a known key (data.large takes ${sources})`, (r) => (r['data'].large = { file: 'x' })],
  [
    `data.large.CSV is not a known key; the nearest is csv (data.large takes ${sources})`,
    (r) => (r['data'].large = { CSV: 'x' }),
  ],
  [
    'data.large.images.chanels is not a known key; the nearest is channels ' +
      '(data.large.images takes folder, size, channels, fit)',
    (r) => (r['data'].large = { images: { folder: 'x', size: [3, 3], chanels: 3 } }),
  ],
  [
    'data.large.images.channels is 4: it takes 1 or 3',
    (r) => (r['data'].large = { images: { folder: 'x', size: [3, 3], channels: 4 } }),
  ],
  [
    'data.large.images.labels is not a known key; the nearest is label ' +
      '(data.large.images takes csv, path, label, size, channels, fit)',
    (r) => (r['data'].large = { images: { csv: 'x', size: [3, 3], labels: 'y' } }),
  ],
  ['data.large.images is "x": it takes an object with folder or csv', (r) => (r['data'].large = { images: 'x' })],
  [
    `data.large.path is not a known key; write {csv: a.csv} (data.large takes ${sources})`,
    (r) => (r['data'].large = { path: 'a.csv' }),
  ],
  [
    'data.split.seed is not a known key; the nearest is seed at the top of the recipe (data.split takes by, test)',
    (r) => (r['data'].split = { test: 0.2, seed: 3 }),
  ],
  [
    'data.table.decimal is ";", which is not a known value (it takes . or ,)',
    (r) => (r['data'].table = { target: 'y', decimal: ';' }),
  ],
  [
    'data.table.columns.a is "log"; write {number: log} (it takes number, category, ignore or an object with number ' +
      'or category)',
    (r) => (r['data'].table = { target: 'y', columns: { a: 'log' } }),
  ],
  [
    'teacher.model is [{"dense":1}]; write {layers: […]} (it takes an object with layers, topology or module)',
    (r) => (r['teacher'].model = [{ dense: 1 }]),
  ],
  [
    'teacher.optimizer.type is not a known key; write {name: sgd} (teacher.optimizer takes an object with name: sgd, ' +
      'adam or adamw)',
    (r) => (r['teacher'].optimizer = { type: 'SGD', lr: 0.1 }),
  ],
  [
    'distill.temperature is not a known key; the nearest is beta, which is 1/T (distill takes alpha, beta, final, ' +
      'rejectBeyond, calibrate, copy, correctBiases, terms, transfer, tune)',
    (r) => (r['distill'] = { temperature: 4 }),
  ],
  [`loss.name is not a known key; write mse (loss takes ${losses})`, (r) => (r['loss'] = { name: 'mse' })],
  [
    `loss is "CrossEntropyLoss", which is not a known value; the nearest is softmaxCrossEntropy (it takes ${losses})`,
    (r) => (r['loss'] = 'CrossEntropyLoss'),
  ],
  [
    'distill.transfer is {"from":"large"}; write [{"from":"large"}] (it takes a list)',
    (r) => (r['distill'] = { transfer: { from: 'large' } }),
  ],
  ['data.large.images.size is missing: it takes a list of 2', (r) => (r['data'].large = { images: { folder: 'x' } })],
  [
    'data.table.columns.a.category is "onehot", which is not a known value; the nearest is oneHot ' +
      '(it takes oneHot, hash or index)',
    (r) => (r['data'].table = { target: 'y', columns: { a: { category: 'onehot' } } }),
  ],
  ['data.sampling.classes.a is -1: it takes a number above 0', (r) => (r['data'].sampling = { classes: { a: -1 } })],
  [
    'teacher.learningRate is not a known key; the nearest is optimizer.learningRate (teacher takes model, ' +
      'optimizer, schedule, batch, epochs, precision, validation, earlyStopping, augment, prune, temperature)',
    (r) => (r['teacher'].learningRate = 0.1),
  ],
  [
    'teacher.optimizer is "adam"; write {name: adam} (it takes an object with name: sgd, adam or adamw)',
    (r) => (r['teacher'].optimizer = 'adam'),
  ],
  [
    'teacher.optimizer.name is missing: it takes sgd, adam or adamw',
    (r) => (r['teacher'].optimizer = { learningRate: 1 }),
  ],
  [
    'teacher.optimizer.momentum is not a known key of adam, only of sgd (teacher.optimizer takes name, ' +
      'learningRate, weightDecay, clipNorm, beta1, beta2, epsilon)',
    (r) => (r['teacher'].optimizer = { name: 'adam', momentum: 0.9 }),
  ],
  [
    'teacher.model is missing: it takes an object with layers, topology or module',
    (r) => (r['teacher'] = { epochs: 3 }),
  ],
  ['teacher is missing: it takes an object with model or pretrained', (r) => delete r['teacher']],
  [
    'epochs is not a known key; the nearest is teacher.epochs (a recipe takes $schema, name, seed, ranks, threads, ' +
      'sync, wire, data, loss, metrics, teacher, student, baseline, distill)',
    (r) => (r['epochs'] = 3),
  ],
  [
    'student.model.epochs is not a known key; the nearest is student.epochs (student.model takes layers)',
    (r) => (r['student'].model.epochs = 3),
  ],
  [`loss is "maa", which is not a known value; the nearest is mae (it takes ${losses})`, (r) => (r['loss'] = 'maa')],
  [
    "distill.tune.values['distill.alpha'].to is missing: it takes a number",
    (r) => (r['distill'] = { tune: { values: { 'distill.alpha': { from: 0 } } } }),
  ],
  ['data.split.test is 1: it takes a number of at least 0 and less than 1', (r) => (r['data'].split = { test: 1 })],
])('%s', (text, change) => {
  expect(refusal(change)).toMatch(/^RECIPE_(INVALID|UNKNOWN_KEY): /);
  expect(refusal(change).replace(/^\w+: /, '')).toBe(text);
});

test('an option of a module that is no JSON', () => {
  const options = { a: [1, null, { b: 'x', c: () => 1 }] };
  expect(refusal((recipe) => (recipe['loss'] = { module: 'm.mjs', options }))).toBe(
    'RECIPE_INVALID: loss.options.a[2].c is function: it takes true or false, a number, text, null, a list or an ' +
      'object of names and values',
  );
});

test('keys that lead to a prototype are refused, not dropped', () => {
  const columns = JSON.parse('{"__proto__": "number"}') as object;
  expect(refusal((recipe) => (recipe['data'].table = { target: 'y', columns }))).toBe(
    'RECIPE_INVALID: data.table.columns.__proto__ is reserved: choose another name',
  );
});

test('a value that JSON does not have is shown all the same', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const seed = 'it takes a whole number from 0 to 4,294,967,295';
  expect(refusal((recipe) => (recipe['seed'] = 3n))).toBe(`RECIPE_INVALID: seed is 3n: ${seed}`);
  expect(refusal((recipe) => (recipe['seed'] = circular))).toBe(
    `RECIPE_INVALID: seed is an object that contains itself: ${seed}`,
  );
});
