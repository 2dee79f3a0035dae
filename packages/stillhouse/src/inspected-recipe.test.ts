// The recipe that `inspect` gives is one that `validate` accepts, whatever the columns are; and what is counted.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { inspect } from './data.js';
import { validate } from './validate.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-inspected-'));
beforeAll(() => void vi.stubEnv('STILLHOUSE_PREPARED', join(folder, 'prepared')));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

type Cell = (row: number) => string | number;
let files = 0;

/** A file of 200 rows. */
function fileOf(columns: Readonly<Record<string, Cell>>, delimiter = ','): string {
  const rows = Array.from({ length: 200 }, (_, row) => Object.values(columns).map((cell) => cell(row)));
  const path = join(folder, `f${files++}.csv`);
  writeFileSync(path, [Object.keys(columns), ...rows].map((cells) => cells.join(delimiter)).join('\n'));
  return path;
}

const a: Cell = (row) => row;
const day: Cell = (row) => new Date(Date.UTC(2020, 0, 1 + row)).toISOString().slice(0, 10);

test.each<[what: string, column: Cell, recipe: RegExp]>([
  ['numbers', (row) => row / 7, /"target":"y"}/],
  ['numbers with gaps', (row) => ['', 'NaN', 'null', '?'][row % 9] ?? row, /"missing":"mean"/],
  ['per cent', (row) => `${row / 10}%`, /"units":\["%"\]/],
  ['money', (row) => `"$${row + 1},234.5${row % 10}"`, /"decimal":".","units":\["\$"\]/],
  [
    'money, a little of it with a comma',
    (row) => (row % 90 === 7 ? `"$1,03${row % 10}.48"` : `$${row}.30`),
    /"decimal":".","units":\["\$"\]}/,
  ],
  ['numbers, a few of them money', (row) => (row % 90 === 7 ? `$${row}` : row), /"units":\["\$"\]}/],
  ['decimal commas', (row) => `"${row},5"`, /"decimal":","/],
  ['accounting', (row) => (row % 2 ? `($${row}.00)` : `$${row}.00`), /"x":"ignore"/],
  ['codes', (row) => `0${row % 50}`, /"x":"category"/],
  ['integers beyond 2^53', (row) => `9007199254740993${row % 90}`, /"x":"ignore"/],
  ['dates', day, /"target":"y"}/],
  ['dates, and a mistake', (row) => (row === 7 ? 'soon' : day(row)), /"x":"ignore"/],
  ['German dates', (row) => `${1 + (row % 28)}.12.2020`, /"x":"ignore"/],
  ['times', (row) => `${row % 24}:30`.padStart(5, '0'), /"target":"y"}/],
  ['numbers, and late mistakes', (row) => (row > 190 ? 'none' : row), /"x":"ignore"/],
  ['words, and a number', (row) => (row % 40 === 3 ? 7 : `w${row % 5}`), /"x":"category"/],
  ['booleans', (row) => (row % 2 ? 'True' : 'False'), /"target":"y"}/],
  ['yes and no', (row) => (row % 2 ? 'yes' : 'no'), /"target":"y"}/],
  ['booleans and numbers', (row) => (row % 2 ? 'true' : row), /./],
  ['infinities', (row) => (row === 5 ? 'inf' : row), /"x":"ignore"/],
  ['large numbers', (row) => (row === 5 ? '1e300' : row), /"x":"ignore"/],
  ['nothing', () => '', /"x":"ignore"/],
  ['one value', () => 4, /"x":"ignore"/],
  ['a name for each row', (row) => `id${row}`, /"x":"ignore"/],
  ['a name for each row, which is a number', (row) => `"1_${row + 100}"`, /./],
])('a recipe for a column of %s', async (_, column, expected) => {
  const path = fileOf({ a, x: column, y: (row) => row % 37 });
  const { recipe } = await inspect(path, { target: 'y' });
  expect(JSON.stringify(recipe.data)).toMatch(expected);
  const { refused, warnings } = await validate(recipe, { backend: 'cpu', recipeFolder: folder });
  expect(refused).toEqual([]);
  expect(warnings).toEqual([]);
});

test.each<[what: string, column: Cell, target: string]>([
  ['two classes', (row) => (row % 2 ? 'yes' : 'no'), 'x'],
  ['a few rare classes', (row) => (row < 3 ? `rare ${row}` : `w${row % 4}`), 'b'],
  ['small integers', (row) => row % 3, 'x'],
  ['booleans', (row) => (row % 3 ? 'true' : 'false'), 'x'],
  ['money', (row) => `"$${row + 1},234.50"`, 'x'],
  ['dates', day, 'x'],
  ['gaps', (row) => (row % 5 ? row : ''), 'b'],
  ['one value', () => 'x', 'b'],
  ['a name for each row', (row) => `id${row}`, 'b'],
])('a recipe for a last column of %s', async (_, column, target) => {
  const path = fileOf({ '': a, a: (row) => `${row}.125`, b: (row) => row * 3, x: column });
  const { recipe, warnings: notes } = await inspect(path);
  expect(recipe.data.table!.target).toBe(target);
  if (target === 'b') expect(notes).toEqual(expect.arrayContaining([expect.stringMatching(/^column x is not the/)]));
  const { refused, warnings } = await validate(recipe, { backend: 'cpu', recipeFolder: folder });
  expect(refused).toEqual([]);
  // A held-out row may have a category that no training row has.
  expect(warnings.filter((each) => !each.includes('training rows'))).toEqual([]);
});

test('a file with semicolons, decimal commas, and a column with points', async () => {
  const path = fileOf({ a: (row) => `${row},25`, b: (row) => `0.${100 + row}`, y: (row) => `${row % 9},5` }, ';');
  const { recipe, columns } = await inspect(path);
  expect(recipe.data.table).toMatchObject({ delimiter: ';', decimal: ',', target: 'y' });
  expect(columns.map(({ min, max }) => [min, max])).toEqual([
    ['0.25', '199.25'],
    ['0.1', '0.299'],
    ['0.5', '8.5'],
  ]);
  expect((await validate(recipe, { backend: 'cpu', recipeFolder: folder })).refused).toEqual([]);
});

test('missing cells are no values, values are counted exactly, and the target is the last column', async () => {
  const path = fileOf({
    id: (row) => `id${row}`,
    distance: (row) => ['', 'NaN', 'null'][row % 10] ?? row / 4,
    city: (row) => ['Oslo', 'Rome', 'Lima', 'Bern'][row % 4],
    price: (row) => row,
    churn: (row) => (row % 3 ? 'no' : 'yes'),
  });
  const { columns, recipe } = await inspect(path);
  expect(columns.map(({ missing, distinct, isExact }) => [missing, distinct, isExact])).toEqual([
    [0, 200, true],
    [60, 140, true],
    [0, 4, true],
    [0, 200, true],
    [0, 2, true],
  ]);
  expect(columns[1]).toMatchObject({ type: 'number', min: '0.75', max: '49.75' });
  expect(recipe.data.table!.target).toBe('churn');
});

test('few cells of another notation, after the first thousand, decide as well, and are in the range', async () => {
  const lines = Array.from({ length: 4000 }, (_, row) =>
    row > 1000 && row % 600 === 9
      ? `"$1,033.48",${row % 100}%,${row % 37}`
      : `$${10 + (row % 90)}.30,${row % 100}%,${row % 37}`,
  );
  const path = join(folder, 'spend.csv');
  writeFileSync(path, ['spend,share,y', ...lines].join('\n'));
  const { recipe, columns, warnings } = await inspect(path, { target: 'y' });
  expect(recipe.data.table).toEqual({ target: 'y', decimal: '.', units: ['$', '%'] });
  expect(columns[0]).toMatchObject({ type: 'number', missing: 0, min: '10.3', max: '1033.48' });
  expect(warnings).toEqual([]);
  expect((await validate(recipe, { backend: 'cpu', recipeFolder: folder })).refused).toEqual([]);
});

const code: Cell = (row) => `0${9000 + row}`;
const money: Cell = (row) => `"$${row},234.50"`;

test.each<[what: string, columns: Readonly<Record<string, Cell>>, note: RegExp]>([
  [
    'a code per row',
    { a, x: code },
    /^column x is ignored: it has numbers that begin with 0, such as 09000, and .* 200 categories in 200 rows;/,
  ],
  ['the same, next to money', { a, x: code, money }, /^column x is ignored: it has numbers that begin with 0/],
  ['few codes', { a, x: (row) => `0${row % 50}`, money }, /^column x is a category: some .* begin with 0, such as 00$/],
  ['a name per row', { a, x: (row) => `id${row}` }, /^column x is ignored: it has 200 categories in 200 rows$/],
  ['one value', { a, x: () => 4 }, /^column x is ignored: it is the same in every row$/],
  ['no cell', { a, x: () => '' }, /^column x is ignored: it has no cell$/],
])('inspect says what it does with a column of %s', async (_, columns, note) => {
  const { warnings } = await inspect(fileOf({ ...columns, y: (row) => row % 37 }), { target: 'y' });
  expect(warnings).toEqual([expect.stringMatching(note)]);
});
