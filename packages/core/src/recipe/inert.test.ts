// Keys that change nothing are named, with why; those that change something are not.
import { expect, test } from 'vitest';
import { inertNotes, inertReason, threadsNote } from './inert.js';
import { parseRecipe } from './parse.js';
import { withValueAt, parsePath } from './path.js';
import type { Recipe } from './schema.js';

const generator = { generator: 'friedman1', rows: 64 };
const regression = {
  data: { large: generator, small: generator, test: generator },
  loss: 'mse',
  teacher: { model: { layers: [{ dense: 8 }, { dense: 1 }] } },
  student: { model: { layers: [{ dense: 1 }] } },
};
const table = {
  ...regression,
  data: { large: { csv: 'a.csv' }, small: { csv: 'b.csv' }, test: { csv: 'c.csv' }, table: { target: 'y' } },
};
const classes = {
  ...regression,
  loss: 'softmaxCrossEntropy',
  teacher: { model: { layers: [{ dense: 3 }] } },
  student: { model: { layers: [{ dense: 3 }] } },
};
const recipeOf = (base: object, changes: Readonly<Record<string, unknown>>): Recipe =>
  parseRecipe(
    Object.entries(changes).reduce<unknown>((all, [path, value]) => withValueAt(all, parsePath(path), value), base),
  );
const sgd = { name: 'sgd', nesterov: true };

test.each<[string, object, Record<string, unknown>, string[]]>([
  ['a temperature that cancels', regression, { 'distill.beta': 0.25 }, ['distill.beta is 0.25']],
  ['huber', { ...regression, loss: 'huber' }, { 'distill.final': { beta: 2 } }, ['distill.final.beta is 2']],
  ['mae has one', { ...regression, loss: 'mae' }, { 'distill.beta': 0.25 }, []],
  ['so has gaussian', { ...regression, loss: 'gaussian' }, { 'distill.beta': 0.25 }, []],
  ['the usual value says nothing', regression, { 'distill.beta': 1 }, []],
  ['classes', classes, { 'distill.beta': 0.25, 'distill.final': { beta: 2 } }, []],
  [
    'a term that does not use it',
    classes,
    { 'distill.beta': 0.25, 'distill.terms': [{ name: 'hint' }], 'distill.calibrate': true },
    ['distill.beta is 0.25', 'distill.calibrate is true'],
  ],
  [
    'only layers are copied',
    regression,
    { distill: { terms: [], copy: 'all', alpha: 2, final: { alpha: 1 } } },
    ['distill.alpha is 2', 'distill.final is {"alpha":1}'],
  ],
  [
    'one epoch',
    regression,
    { 'student.epochs': 1, distill: { alpha: 2, final: { alpha: 1 } } },
    ['distill.alpha is 2'],
  ],
  [
    'a stage of hints',
    regression,
    {
      'distill.terms': [
        { name: 'kd', warmupEpochs: 2 },
        { name: 'hint', firstEpochs: 2, warmupEpochs: 2 },
      ],
    },
    ['distill.terms[1].warmupEpochs is 2'],
  ],
  [
    'a grid of lists',
    regression,
    { 'distill.tune': { values: { 'distill.alpha': [1, 2] }, search: { name: 'grid', points: 3 } } },
    ['distill.tune.search.points is 3'],
  ],
  [
    'variants of nothing',
    regression,
    { 'student.augment': { mixup: 1, variants: 3 } },
    ['student.augment.variants is 3'],
  ],
  [
    'variants of a transfer set',
    regression,
    { 'distill.transfer': [{ augment: { variants: 3 } }] },
    ['distill.transfer[0].augment.variants is 3'],
  ],
  ['variants of images', classes, { 'student.augment': { shift: 1, variants: 3 } }, []],
  ['no momentum', regression, { 'student.optimizer': sgd }, ['student.optimizer.nesterov is true']],
  ['momentum', regression, { 'student.optimizer': { ...sgd, momentum: 0.9 } }, []],
  [
    'a step after the end',
    regression,
    { 'teacher.schedule': { name: 'step', everyEpochs: 10, factor: 0.5 } },
    ['teacher.schedule.everyEpochs is 10', 'teacher.schedule.factor is 0.5'],
  ],
  ['a step before it', regression, { 'teacher.schedule': { name: 'step', everyEpochs: 9, factor: 0.5 } }, []],
  [
    'stopping after the end',
    regression,
    { 'student.validation': 0.1, 'student.earlyStopping': { patience: 10, restoreBest: false } },
    ['student.earlyStopping is {'],
  ],
  [
    'pruning nothing',
    regression,
    { 'student.prune': { sparsity: 0, from: 1, to: 2 } },
    ['student.prune.from is 1', 'student.prune.to is 2'],
  ],
  ['pruning', regression, { 'student.prune': { sparsity: 0.5, from: 1, to: 2 } }, []],
  ['ranks of a pretrained teacher', classes, { teacher: { pretrained: 'a' }, ranks: 8 }, ['ranks is 8']],
  ['the wire of a pretrained teacher', classes, { teacher: { pretrained: 'a' }, wire: 'int8' }, ['wire is "int8"']],
  ['the wire of a teacher', classes, { wire: 'int8' }, []],
  ['ranks', classes, { ranks: 8 }, []],
  ['restoring', regression, { 'student.validation': 0.1, 'student.earlyStopping': { patience: 10 } }, []],
  [
    'classes of regression',
    regression,
    { teacher: { pretrained: 'a', outputs: 'logits' } },
    ['teacher.outputs is "logits"'],
  ],
  [
    'outputs that nobody reads',
    classes,
    { teacher: { pretrained: 'a', outputs: 'logits' }, distill: { terms: [], copy: 'all' } },
    ['teacher.outputs is "logits"'],
  ],
  [
    'sampling for no teacher',
    classes,
    { teacher: { pretrained: 'a' }, 'data.sampling': { classes: 'balanced' } },
    ['data.sampling is {"classes":"balanced"}'],
  ],
  ['a table of generated rows', regression, { 'data.table': { target: 'y' } }, ['data.table is {']],
  ['a module may give a table', regression, { 'data.table': { target: 'y' }, 'data.large': { module: 'a.mjs' } }, []],
  ['scaled images of a table', table, { 'data.tensors': { scale: 'unit' } }, ['data.tensors is {"scale":"unit"}']],
  ['a delimiter', table, { 'data.table.delimiter': ';' }, []],
  [
    'a delimiter of Parquet',
    {
      ...table,
      data: { large: { parquet: 'a' }, small: { parquet: 'a' }, test: { parquet: 'a' }, table: { target: 'y' } },
    },
    { 'data.table.delimiter': ';' },
    ['data.table.delimiter is ";"'],
  ],
  [
    'buckets of what has none',
    table,
    { 'data.table.columns': { 'a.b': { category: 'oneHot', buckets: 9 }, c: { category: 'hash', buckets: 9 } } },
    ["data.table.columns['a.b'].buckets is 9"],
  ],
  [
    'an indicator of nothing',
    table,
    {
      'data.table.columns': {
        a: { number: 'log', indicator: true },
        b: { number: 'log', indicator: true, missing: 'mean' },
        c: { number: 'log', indicator: true, missing: 'drop' },
      },
    },
    ['data.table.columns.a.indicator is true', 'data.table.columns.c.indicator is true'],
  ],
  ['noise of noise', regression, { 'data.test': { generator: 'noise', rows: 9, noise: 2 } }, ['data.test.noise is 2']],
  [
    'two shapes',
    regression,
    { 'data.pool': { tfrecord: 'a', inputs: 'x', label: 'y', shape: [4], image: { size: [2, 2] } } },
    ['data.pool.shape is [4]'],
  ],
])('%s', (_, base, changes, notes) => {
  const found = inertNotes(recipeOf(base, changes));
  expect(found.map((note, i) => note.slice(0, notes[i]?.length))).toEqual(notes);
  for (const note of found) expect(note).toMatch(/, which changes nothing: \w/);
});

test('why a value would change nothing, also of a part of what changes nothing', () => {
  const recipe = recipeOf(regression, {});
  expect(inertReason(recipe, 'distill.beta')).toBe('the temperature cancels, or does not occur, in kd with mse');
  expect(inertReason(recipe, 'data.table.missing')).toBe('no set is a table');
  expect(inertReason(recipe, 'distill.alpha')).toBeUndefined();
  expect(inertReason(recipe, 'data')).toBeUndefined();
});

test('threads of an engine that has only one', () => {
  const recipe = recipeOf(regression, { threads: 4 });
  expect(threadsNote(recipe, 'wasm')).toBe('threads is 4, which changes nothing on wasm: only tensorflow has threads');
  expect(threadsNote(recipe, 'tensorflow')).toBeUndefined();
  expect(threadsNote(recipeOf(regression, {}), 'wasm')).toBeUndefined();
});
