// Targets of regression are transformed as the recipe says, by what the training rows of the large set have.
import { expect, test } from 'vitest';
import { csv, failure, load, rowsOf, table, useFolder, write, type Data } from './prepare.test.fixture.js';

useFolder();

const prices = (values: readonly unknown[]): string => `a,y\n${values.map((y, i) => `${i},${String(y)}`).join('\n')}\n`;
const data = (values: readonly unknown[], targetTransform: Data['targetTransform'], extra: object = {}): Data => ({
  ...table(prices(values), extra),
  targetTransform,
});
const close = (values: readonly number[]): unknown[] => values.map((value) => expect.closeTo(value, 6));

test('log: the natural logarithm, standardised, also if tables are not', async () => {
  const dataset = await load(data([1, Math.E ** 2, Math.E ** 4], 'log', { standardize: false }));
  const scale = { mean: expect.closeTo(2, 12), deviation: expect.closeTo(Math.sqrt(8 / 3), 12), transform: 'log' };
  expect(dataset.manifest.targets).toEqual([scale]);
  expect(dataset.preprocessing!.targets).toEqual([{ name: 'y', ...scale }]);
  expect([...(await rowsOf(dataset, 'test')).y]).toEqual(close([-2, 0, 2].map((t) => t / Math.sqrt(8 / 3))));
});

test('log1p, yeoJohnson, and none; a list has one per target', async () => {
  const text = 'a,u,v,w\n1,0,1,7\n2,3,8,8\n3,8,27,9\n4,15,64,10\n';
  const { manifest } = await load({
    large: csv(text),
    test: csv(text),
    table: { target: ['u', 'v', 'w'] },
    targetTransform: ['log1p', 'yeoJohnson', 'none'],
  });
  const [u, v, w] = manifest.targets;
  expect(u).toEqual({
    mean: expect.closeTo(Math.log(4 * 9 * 16) / 4, 12),
    deviation: expect.any(Number),
    transform: 'log1p',
  });
  expect(v).toMatchObject({ transform: 'yeoJohnson', lambda: expect.any(Number) });
  expect(w).toEqual({ mean: 0, deviation: 1 });
});

test('by training rows only; where predictions end is theirs, too', async () => {
  const values = Array.from({ length: 60 }, (_, i) => 1000 / (i + 1));
  const large = csv(prices(values));
  const { manifest } = await load({ large, test: large, table: { target: 'y' }, targetTransform: 'yeoJohnson' });
  expect(manifest.targets).toMatchObject([{ lambda: expect.closeTo(-0.75, 1), limit: 1000 }]);
  const held = await load(
    { large, test: large, table: { target: 'y' }, targetTransform: 'yeoJohnson' },
    { validation: 0.5 },
  );
  expect(held.manifest.targets[0].lambda).not.toBe(manifest.targets[0].lambda);
  const own = await rowsOf(held, 'large');
  expect([...own.y].reduce((sum, y) => sum + y, 0)).toBeCloseTo(0, 4);
});

test('rows that are no table, whose targets are left as they are by default', async () => {
  const module = write('export default () => [1, 10, 100].map((y) => ({ x: [y], y: [y, -y] }));\n', '.mjs');
  const rows: Data = { large: { module }, test: { module } };
  expect((await load(rows)).manifest.targets).toEqual([]);
  const dataset = await load({ ...rows, targetTransform: ['log', 'standardize'] });
  expect(dataset.manifest.targets).toEqual([
    { mean: expect.closeTo(Math.log(10), 12), deviation: expect.any(Number), transform: 'log' },
    { mean: expect.closeTo(-37, 12), deviation: expect.any(Number) },
  ]);
  const step = Math.sqrt(1.5);
  expect([...(await rowsOf(dataset, 'test')).y].filter((_, i) => i % 2 === 0)).toEqual(close([-step, 0, step]));
  expect(await failure(() => load({ ...rows, targetTransform: ['log'] }))).toMatchObject({
    code: 'RECIPE_INVALID',
    message: 'data.targetTransform names 1 transforms, but rows have 2 targets',
  });
  expect(await failure(() => load({ ...rows, targetTransform: 'log' }))).toMatchObject({
    code: 'DATA_LABEL',
    message: expect.stringMatching(/label -1 of row 1 cannot be transformed: log takes positive numbers/),
  });
});

test.each([
  ['log', [1, 2, 0], /row 3, column y: label "0" cannot be transformed: log takes positive numbers/],
  ['log1p', [1, -1, 2], /row 2, column y: label "-1" cannot be transformed: log1p takes numbers above −1/],
] as const)('%s of what has none is refused, with the row', async (transform, values, message) => {
  expect(await failure(() => load(data(values, transform)))).toMatchObject({
    code: 'DATA_LABEL',
    message: expect.stringMatching(message),
    next: expect.stringContaining('yeoJohnson'),
  });
});
