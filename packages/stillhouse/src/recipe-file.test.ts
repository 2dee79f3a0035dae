// Errors of a recipe name the file, with line and column, or the argument that set the value.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { StillhouseError } from '@stillhouse/core';
import { loadChanged, loadRecipe, type RecipeOptions } from './recipe-file.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-recipe-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const yaml = (layer: string): string => `# A recipe.
data:
  large: &rows { generator: friedman1, rows: 100 }
  small: *rows
  test: *rows
loss: mse
teacher:
  model:
    layers:
      - ${layer}
      - dense: 1
student: { model: { layers: [{ dense: 1 }] }, epochs: 2 }
`;

async function messageOf(file: string, options?: RecipeOptions): Promise<string> {
  const error: unknown = await loadRecipe(file, options).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(StillhouseError);
  return (error as StillhouseError).message.replaceAll(`${folder}/`, '');
}

test.each([
  ['a key', '{ dens: 3 }', 'r.yaml, line 10, column 11: teacher.model.layers[0].dens is not a known key; the nearest'],
  ['a value', 'dense: many', 'r.yaml, line 10, column 9: teacher.model.layers[0].dense is "many": it takes a whole'],
  ['what is missing', 'conv2d: 3', 'r.yaml, line 10, column 9: teacher.model.layers[0].kernel is missing: it takes'],
])('YAML: line and column of %s', async (_, layer, text) => {
  expect((await messageOf(written('r.yaml', yaml(layer)))).slice(0, text.length)).toBe(text);
});

test('what parts need of each other has a place too, and a part behind an alias that of its anchor', async () => {
  const file = written('c.yaml', `${yaml('dense: 3')}ranks: 64\n`);
  expect(await messageOf(file)).toMatch(/^c\.yaml, line 7, column 1: teacher\.batch is 32, less than ranks \(64\)/);
  const aliased = written('a.yaml', yaml('dense: 3').replace('rows: 100', 'rows: 0'));
  expect(await messageOf(aliased)).toMatch(/^a\.yaml, line 3, column 40: data\.large\.rows is 0: it takes/);
});

test('a key that must be quoted has a place too', async () => {
  const file = written('q.yaml', `${yaml('dense: 3')}a b: 3\n`);
  expect(await messageOf(file)).toMatch(/^q\.yaml, line 13, column 1: \['a b'\] is not a known key/);
});

test('JSON: line and column; TypeScript: the file', async () => {
  const json = JSON.stringify({ data: {}, loss: 'mse', teacher: {} }, null, 2);
  expect(await messageOf(written('r.json', json))).toMatch(/^r\.json, line 2, column 3: data\.large is missing: it/);
  expect(await messageOf(written('r.mjs', `export default ${json};`))).toMatch(/^r\.mjs: data\.large is missing: it/);
});

test('a value that an argument sets: the argument', async () => {
  const file = written('s.yaml', yaml('dense: 3'));
  const setting = (path: string, value: unknown): Promise<string> => messageOf(file, { set: { [path]: value } });
  expect(await setting('student.epochs', 0)).toMatch(/^--set student\.epochs=0: student\.epochs is 0: it takes/);
  expect(await setting('teacher.model.layers.1.dense', 0)).toMatch(
    /^--set teacher\.model\.layers\.1\.dense=0: teacher\.model\.layers\[1\]\.dense is 0: it takes/,
  );
  expect(await setting('student.optimizer', { nam: 'sgd' })).toMatch(
    /^--set student\.optimizer=\{"nam":"sgd"\}: student\.optimizer\.nam is not a known key; the nearest is name/,
  );
  expect(await setting('studnt.epochs', 3)).toMatch(/^--set studnt\.epochs=3: studnt is not a known key; the nearest/);
  expect(await setting('a..b', 3)).toMatch(/^--set a\.\.b=3: "a\.\.b" is not a path/);
  const varied = loadChanged(file, [{ path: 'ranks', value: 0, argument: '--vary' }]);
  await expect(varied).rejects.toThrow(/^--vary ranks=0: ranks is 0: it takes a whole number from 1 to 4096$/);
});

test.each(['__proto__', '__proto__.x', 'teacher.__proto__.x', 'constructor.prototype.x'])(
  'a path that leads to a prototype is an error of the recipe, and pollutes nothing: %s',
  async (path) => {
    const file = written('p.yaml', yaml('dense: 3'));
    const set = Object.fromEntries([[path, { x: 1 }]]);
    const shape = { code: 'RECIPE_INVALID', message: expect.stringMatching(/^--set .* is reserved$/) };
    await expect(loadRecipe(file, { set })).rejects.toMatchObject(shape);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  },
);

test('an error of later steps is located, unless it only looks like one of the recipe', async () => {
  const { located } = await loadRecipe(written('l.yaml', yaml('dense: 3')));
  const failing = (message: string): Promise<unknown> =>
    located(() => Promise.reject(new StillhouseError('DATA_FORMAT', message, { next: 'Look.' })));
  await expect(failing('data.large (x.csv) is empty')).rejects.toMatchObject({
    code: 'DATA_FORMAT',
    message: `${join(folder, 'l.yaml')}, line 3, column 3: data.large (x.csv) is empty`,
    next: 'Look.',
  });
  await expect(failing('data.csv, row 2: no')).rejects.toThrow(/^data\.csv, row 2: no$/);
});

test.each([
  ['a tag that YAML does not know', 'a: !b 3', /^t\.yaml, line 1, column 4: Unresolved tag: !b/],
  ['a list that does not end', 'a: [', /^t\.yaml, line 1, column 5: Flow sequence/],
  ['an alias of nothing', 'a: *b', /^t\.yaml, line 1, column 4: \*b refers to nothing/],
  ['a key that is given twice', 'a:\n  b: 1\n  b: 2', /^t\.yaml, line 3, column 3: the key b is given twice/],
  ['a second document', 'a: 1\n---\na: 2', /^t\.yaml, line 2, column 1: a second document begins here/],
  ['a key that is an object', 'epochs: {{ n }}', /^t\.yaml, line 1, column 10: a key is a word/],
  ['a comment of JavaScript', '{\n  // two\n  "a": 1 }', /^t\.yaml, line 2, column 3: a comment begins with #/],
])('%s is an error of syntax', async (_, text, message) => {
  const error: unknown = await loadRecipe(written('t.yaml', text)).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'RECIPE_SYNTAX' });
  expect((error as Error).message.replace(`${folder}/`, '')).toMatch(message);
});
