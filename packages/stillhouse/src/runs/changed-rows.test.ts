// Whether the test rows of a run are still those that it was tested on.
import { expect, test } from 'vitest';
import type { FileIdentity } from '@stillhouse/datasets';
import { changedRows, type RowsNow } from './changed-rows.js';

const file = (path: string, sha256: string): FileIdentity => ({ path, bytes: 1, modifiedMs: 0, sha256 });
const record = { recipeFolder: '/runs/a', dataset: { rows: { large: 100, test: 20 }, sha256: '' } };
const before = [file('/runs/a/sales.csv', 'one'), file('/data/rest.csv', 'two')];
const changed = (now: Partial<RowsNow>, noted: readonly FileIdentity[] | undefined = before): string[] =>
  changedRows(record, noted, { files: [], rows: 20, recipeFolder: '/runs/a', areHeldOut: false, ...now });

test('the same files, wherever the recipe is now', () => {
  expect(changed({ files: before })).toEqual([]);
  expect(changed({ recipeFolder: '/moved', files: [file('/moved/sales.csv', 'one')] })).toEqual([]);
});

test('a changed file, also at the same size, and one that is new', () => {
  expect(changed({ files: [file('/runs/a/sales.csv', 'other'), before[1]] })).toEqual([
    '/runs/a/sales.csv has changed since the run read it: the metrics are those of the rows that it has now',
  ]);
  expect(changed({ files: [file('/runs/a/new.csv', 'three')], areHeldOut: true })).toEqual([
    '/runs/a/new.csv was not there when the run read its data: the metrics are those of the rows that it has now, ' +
      'and models may have been trained on rows that are test rows now',
  ]);
});

test('another number of rows, also if a run of an earlier version did not note its files', () => {
  expect(changedRows(record, undefined, { files: before, rows: 1021, recipeFolder: '/', areHeldOut: false })).toEqual([
    'there are 1,021 test rows, and the run had 20',
  ]);
});
