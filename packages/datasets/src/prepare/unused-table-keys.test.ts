// Keys of data.table that no column takes are named, with why; those that one takes are not.
import { expect, test } from 'vitest';
import { load, table, useFolder } from './prepare.test.fixture.js';

useFolder();

const text = 'a,b,y\n1,u,0\n2,v,1\n3,u,2\n4,v,3\n';
const own = { a: { number: 'log', missing: 'drop' } } as const;

test.each<[string, object, { targetTransform?: 'none' }, string[]]>([
  ['a usual table', {}, {}, []],
  ['missing', { missing: 'mean' }, {}, []],
  ['a missing that columns replace', { missing: 'mean', columns: own }, {}, ['data.table.missing is "mean"']],
  ['a usual missing', { missing: 'error', columns: own }, {}, []],
  ['standardize', { standardize: false }, {}, []],
  ['a target that is scaled', { standardize: false, columns: own }, {}, []],
  [
    'nothing to scale',
    { standardize: false, columns: own },
    { targetTransform: 'none' },
    ['data.table.standardize is false'],
  ],
  ['notations of text', { units: ['$'], decimal: '.' }, {}, []],
])('%s', async (_, keys, extra, notes) => {
  const { warnings } = await load({ ...table(text, keys), ...extra });
  expect(warnings.map((each, i) => each.slice(0, notes[i]?.length))).toEqual(notes);
  for (const each of warnings) expect(each).toMatch(/, which changes nothing: no column/);
});

test('notations where no number is text', async () => {
  const sql = { sql: 'select i as a, i as y from range(4) t(i)' };
  const { warnings } = await load({ large: sql, test: sql, table: { target: 'y', units: ['$'], decimal: ',' } });
  expect(warnings).toEqual([
    'data.table.decimal is ",", which changes nothing: no text of a number is read by it',
    'data.table.units is ["$"], which changes nothing: no text of a number is read by it',
  ]);
});
