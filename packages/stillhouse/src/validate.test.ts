// What a recipe would run, and what is refused, without running it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RecipeInput } from '@stillhouse/core';
import { validate, type ValidateOptions, type Validation } from './validate.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-validate-'));
beforeAll(() => void vi.stubEnv('STILLHOUSE_PREPARED', join(folder, 'prepared')));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const recipe: RecipeInput = {
  name: 'small',
  ranks: 2,
  data: {
    large: { generator: 'friedman1', rows: 100 },
    small: { generator: 'friedman1', rows: 20 },
    test: { generator: 'friedman1', rows: 30 },
  },
  loss: 'mse',
  teacher: { model: { layers: [{ dense: 8 }, 'batchNormalization', { dense: 1 }] }, batch: 16, epochs: 3 },
  student: { model: { layers: [{ dense: 1 }] }, batch: 8, epochs: 5, optimizer: { name: 'sgd', learningRate: 0.1 } },
  distill: { transfer: [{ rows: 2 }] },
};
const validated = (set: Record<string, unknown> = {}, options: ValidateOptions = {}): Promise<Validation> =>
  validate(recipe, { backend: 'cpu', recipeFolder: folder, set, ...options });

test('a good recipe: rows, parameters, steps and memory, and nothing is written but prepared data', async () => {
  const { phases, ...rest } = await validated();
  expect(rest).toEqual({
    name: 'small',
    data: { rows: { large: 100, small: 20, test: 30 }, inputShape: [10], outputs: 1 },
    backend: { name: 'cpu', reason: 'as requested' },
    warnings: [],
    refused: [],
  });
  const [teacher, student, baseline] = phases;
  // 10·8 + 8, twice 8, 8 + 1 are trained; twice 8 are moving averages. 8 rows of a rank, with all outputs twice.
  const trained = 88 + 16 + 9;
  expect(teacher).toEqual({
    name: 'teacher',
    batch: 16,
    ranks: 2,
    epochs: 3,
    rows: 100,
    stepsPerEpoch: 7,
    steps: 21,
    parameters: trained,
    memory: {
      weights: 4 * (2 * trained + 16),
      gradient: 4 * (trained + 16),
      optimizer: 4 * 2 * trained,
      batch: 4 * 8 * (10 + 2 * (8 + 8 + 1)),
      total: 4 * (5 * trained + 32 + 8 * 44),
    },
  });
  // Each row of the batch and two of the transfer set; SGD without momentum keeps nothing.
  expect(student).toMatchObject({ parameters: 11, steps: 15, memory: { optimizer: 0, batch: 4 * 24 * 12 } });
  expect(baseline).toMatchObject({ parameters: 11, steps: 15, memory: { batch: 4 * 8 * 12 } });
  expect(existsSync(join(folder, 'runs'))).toBe(false);
});

test('how many bytes a gradient takes if it does not travel as fp32', async () => {
  const { phases } = await validated({ wire: 'int8' });
  expect(phases.map(({ wire }) => wire)).toEqual([
    { format: 'int8', bytes: 113 + 4, fp32Bytes: 4 * 113 },
    undefined,
    undefined,
  ]);
});

test('a search: what it tunes, on how many folds', async () => {
  const { search, refused } = await validated({ 'distill.tune': { folds: 4, repeats: 2 } });
  expect(refused).toEqual([]);
  expect(search).toEqual({ values: ['distill.alpha'], folds: 8, metric: 'rmse' });
});

test('a recipe that is refused', async () => {
  const validation = await validated({ 'teacher.epochs': 0 });
  expect(validation).toMatchObject({ phases: [], refused: [{ code: 'RECIPE_INVALID' }] });
  expect(validation.refused[0].message).toMatch(/^--set teacher\.epochs=0: teacher\.epochs is 0: it takes/);
});

test('data that are not there: the rest is shown', async () => {
  const csv = { csv: 'none.csv' };
  const { phases, refused, data } = await validated({
    data: { large: csv, small: csv, test: csv, table: { target: 'y' } },
  });
  expect(data).toBeUndefined();
  expect(phases).toEqual([
    { name: 'teacher', batch: 16, ranks: 2, epochs: 3 },
    { name: 'student', batch: 8, ranks: 1, epochs: 5 },
    { name: 'baseline', batch: 8, ranks: 1, epochs: 5 },
  ]);
  expect(refused).toMatchObject([{ code: 'DATA_NOT_FOUND' }]);
});

test('models and search are both refused, and steps are still shown', async () => {
  const { phases, refused } = await validated({
    'teacher.model.layers[0]': { conv2d: 3, kernel: 3 },
    'distill.tune.folds': 100,
  });
  expect(phases[0]).toMatchObject({ name: 'teacher', steps: 21 });
  expect(phases[0].parameters).toBeUndefined();
  expect(refused.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    'TUNE_FOLDS: --set distill.tune.folds=100: distill.tune.folds is 100, but the small set has 20 rows',
    expect.stringMatching(
      /^MODEL_INVALID: --set teacher\.model\.layers\[0\]=.*: teacher\.model\.layers\[0\] \(conv2d\): /,
    ),
  ]);
});
