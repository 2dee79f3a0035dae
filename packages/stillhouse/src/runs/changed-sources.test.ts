// Which file keeps a run from going on, as far as the run can tell.
import { expect, test } from 'vitest';
import { hashJson } from '@stillhouse/coordinator';
import { parseRecipe, type Job } from '@stillhouse/core';
import type { FileIdentity } from '@stillhouse/datasets';
import { changedSources } from './changed-sources.js';

const file = (path: string, sha256: string): FileIdentity => ({ path, bytes: 1, modifiedMs: 0, sha256 });
const sales = file('/data/sales.csv', 'one');
const rest = file('/data/rest.csv', 'two');
const jobOf = (recipe: object): Pick<Job, 'recipe' | 'assets' | 'dataset'> => ({
  recipe: parseRecipe({
    data: {
      large: { csv: 'sales.csv' },
      small: { csv: 'sales.csv' },
      test: { csv: 'rest.csv' },
      table: { target: 'y' },
    },
    loss: 'mse',
    teacher: { model: { topology: 'teacher.json' } },
    student: { model: { layers: [{ dense: 1 }] } },
    ...recipe,
  }),
  assets: {},
  dataset: { inputShape: [1], columns: [], outputs: 1, classes: null, labelCount: 1, targets: [], sets: {} },
});
const rowsAsBefore = { dataset: { rows: {}, sha256: hashJson({}) } };
const otherRows = { dataset: { rows: {}, sha256: 'other' } };

test.each<[what: string, before: FileIdentity[] | undefined, now: FileIdentity[], said: string]>([
  ['another hash', [sales, rest], [sales, file(rest.path, 'three')], '/data/rest.csv has changed'],
  ['one that is gone, and a new one', [sales], [rest], '/data/sales.csv, /data/rest.csv have changed'],
  ['the same files', [sales], [sales], 'the rows that its data give have changed'],
  ['a run that did not note its files', undefined, [sales], 'the rows that its data give have changed'],
])('data: %s', (_, before, now, said) => {
  expect(changedSources(otherRows, jobOf({}), { before, now })).toBe(said);
});

test('models: the one file, or one of several', () => {
  const files = { before: [sales], now: [sales] };
  expect(changedSources(rowsAsBefore, jobOf({}), files)).toBe('teacher.json has changed');
  const student = { model: { module: 'student.mjs' } };
  expect(changedSources(rowsAsBefore, jobOf({ student }), files)).toBe('one of teacher.json, student.mjs has changed');
});
