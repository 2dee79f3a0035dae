import { parseRecipe, type Job } from '@stillhouse/core';
import { expect, test } from 'vitest';
import { isSameJob, startRecord } from './record.js';

const job: Job = {
  runId: 'run',
  recipe: parseRecipe({
    data: { large: { module: 'rows.mjs' }, split: { test: 0.5 } },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] } },
  }),
  dataset: { inputShape: [1], columns: [], outputs: 1, classes: null, labelCount: 1, targets: [], sets: {} },
  assets: { teacher: 'topology', sources: { 'rows.mjs': 'a' } },
};
const recordOf = (of: Job) => startRecord({ job: of, recipeFolder: '/', version: '1', startedAt: '2026' });

test('a run is continued only with the modules that gave its rows', () => {
  expect(isSameJob(recordOf(job), job)).toBe(true);
  const changed = { ...job, assets: { ...job.assets, sources: { 'rows.mjs': 'b' } } };
  expect(isSameJob(recordOf(job), changed)).toBe(false);
});

test('a run of version 0.1.0, which did not write these down, is continued if its rows are the same', () => {
  const before = recordOf({ ...job, assets: { teacher: 'topology' } });
  expect(isSameJob(before, job)).toBe(true);
  expect(isSameJob(before, { ...job, assets: { ...job.assets, teacher: 'another' } })).toBe(false);
});
