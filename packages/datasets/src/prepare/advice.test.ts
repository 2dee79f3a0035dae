// What is advised about labels and columns leads further if it is followed.
import { expect, test } from 'vitest';
import type { LossName } from '@stillhouse/core/training';
import { csv, failure, load, table, useFolder } from './prepare.test.fixture.js';

useFolder();

const labelled = (labels: readonly string[]): string =>
  `a,y\n${labels.map((label, i) => `${i},${label}`).join('\n')}\n`;
const prices = labelled(Array.from({ length: 120 }, (_, i) => `${i}.5`));

test.each<[what: string, text: string, loss: LossName, advice: RegExp, better: LossName]>([
  [
    'names, for numbers',
    labelled(['no', 'yes', 'no']),
    'mse',
    /set loss to softmaxCrossEntropy/,
    'softmaxCrossEntropy',
  ],
  ['names, for numbers', labelled(['no', 'yes', 'no']), 'mae', /or to binaryCrossEntropy/, 'binaryCrossEntropy'],
  ['numbers, for two classes', prices, 'binaryCrossEntropy', /Set loss to mse/, 'mse'],
])('%s (%#)', async (_, text, loss, advice, better) => {
  const next = expect.stringMatching(advice);
  expect(await failure(() => load(table(text), { loss }))).toMatchObject({ next });
  await load(table(text), { loss: better });
});

test('numbers, for classes that only some rows have', async () => {
  const data = { ...table(prices), test: csv('a,y\n1,0.25\n') };
  expect(await failure(() => load(data, { loss: 'softmaxCrossEntropy' }))).toMatchObject({
    message: expect.stringContaining('class "0.25" does not occur'),
    next: expect.stringContaining('Set loss to mse'),
  });
  await load(data, { loss: 'mse' });
});

test('a class that no training row has: the others, and the one that is probably meant', async () => {
  const of = (label: string): Promise<unknown> =>
    failure(() =>
      load({ ...table(labelled(['no', 'yes'])), test: csv(`a,y\n1,${label}\n`) }, { loss: 'softmaxCrossEntropy' }),
    );
  expect(await of('No')).toMatchObject({ next: expect.stringMatching(/^The training rows have no, yes: write no,/) });
  expect(await of('maybe')).toMatchObject({
    next: expect.stringMatching(/^The training rows have no, yes: correct the label, /),
  });
});

test('columns that do not exist are all named, with the nearest and their place in the recipe', async () => {
  const data = table('area,churn,y\n1,2,3\n', { target: 'chrun', columns: { Area: 'number', q: 'ignore' } });
  expect(await failure(() => load(data))).toMatchObject({
    code: 'DATA_COLUMN',
    message: expect.stringMatching(
      new RegExp(
        /^data\.table\.target: .* has no column "chrun" \(the nearest is churn\) and no column "Area" /.source +
          /\(the nearest is area\) and no column "q"; it has area, churn, y$/.source,
      ),
    ),
  });
});

test('an empty category gives no warning, an unknown one does, and so does a column without a name, once', async () => {
  const data = table('c,,y\nx,0,1\n,1,2\nz,2,3\n');
  const { warnings } = await load({ ...data, test: csv('c,,y\n,0,1\nw,1,2\nx,2,3\n') });
  expect(warnings).toEqual([
    'columns without a name are not used: column 2; declare them by this name in data.table.columns to use them',
    expect.stringMatching(/^test .*: column c of 1 of 3 rows has a category that the training rows did not have/),
  ]);
});

test('a column that is the same in every training row is named, unless its missing cells say something', async () => {
  const text = 'n,c,gap,maybe,x,y\n7,a,5,b,1,1\n7.0,a,,,2,2\n7,a,5,b,3,3\n';
  const columns = { gap: { number: 'standardize' as const, missing: 'mean' as const, indicator: true } };
  const { warnings } = await load(table(text, { columns }));
  expect(warnings).toEqual([
    'column n is 7 in every training row, so it tells a model nothing',
    'column c is "a" in every training row, so it tells a model nothing',
  ]);
});

test('rows per class of a loss without classes are rows per value', async () => {
  const text = labelled(['1', '1', '2', '2', '2']);
  const of = async (loss: LossName): Promise<readonly string[]> => {
    const large = { ...csv(text), perClass: 2 };
    return (await load({ large, test: csv(text), table: { target: 'y' } }, { loss })).warnings;
  };
  expect(await of('softmaxCrossEntropy')).toEqual([]);
  expect(await of('mse')).toEqual([
    'data.large.perClass draws rows per value of the target, because mse has no classes; take draws any rows',
  ]);
});

test('a column that numbers the rows is named', async () => {
  const rows = Array.from({ length: 100 }, (_, i) => `${7 + ((i * 37) % 100)},${(i * 31) % 99},${i % 9}`);
  expect((await load(table(`id,x,y\n${rows.join('\n')}\n`))).warnings).toEqual([
    'column id numbers the training rows from 7 to 106; if it only identifies rows, ignore it in data.table.columns: ' +
      'a model cannot read other numbers',
  ]);
  const other = rows.map((row) => row.replace(/^8,/, '9,'));
  expect((await load(table(`id,x,y\n${other.join('\n')}\n`))).warnings).toEqual([]);
});
