// The search between teacher and student: what it leaves, that it goes on after a kill, and what it never looks at.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assembleJob } from '@stillhouse/coordinator';
import { parseRecipe, type RecipeInput, type RunRecord } from '@stillhouse/core';
import { tfjsEngine, trainPhase } from '@stillhouse/worker';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

interface Entry {
  readonly of: string;
  readonly values: Record<string, number>;
  readonly fold: number;
  readonly metrics: { readonly rmse: number; readonly rows: number };
}

const values = {
  'distill.alpha': { from: -2, to: 4 },
  'student.optimizer.learningRate': { from: 1e-4, to: 0.1, scale: 'log' },
} as const;
const tuned = (change: Partial<RecipeInput> = {}): RecipeInput => ({
  ...smallRecipe(change),
  distill: { ...smallRecipe().distill, tune: { values, search: { name: 'sobol', trials: 4 }, folds: 3 } },
});
const entriesOf = (folder: string): Entry[] =>
  readFileSync(join(folder, 'tune', 'trials.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
/** In an order of their own: trials that run side by side end as they like. */
const outcomes = (folder: string): string[] =>
  entriesOf(folder)
    .map(({ values: at, fold, metrics }) => JSON.stringify({ at, fold, metrics }))
    .sort();

describe('a run that is tuned', () => {
  let folder: string;
  let record: RunRecord;
  let stderr: string;
  beforeAll(async () => void ({ folder, record, stderr } = await scratch.trainByCommand(tuned())));

  test('leaves its whole search: every training with its fold and metrics, the choice, and a map', async () => {
    expect(entriesOf(folder)).toHaveLength(12);
    expect(entriesOf(folder).map(({ metrics }) => metrics.rows)).toEqual(Array.from({ length: 12 }, () => 10));
    const { seconds, ...kept } = record.tuned!;
    expect(JSON.parse(readFileSync(join(folder, 'tune', 'tune.json'), 'utf8'))).toEqual({ seconds, ...kept });
    expect(kept).toMatchObject({
      metric: 'rmse',
      folds: 3,
      trainings: 12,
      reason: expect.stringContaining('within one standard error of the best'),
    });
    expect(kept.trials).toHaveLength(4);
    const map = readFileSync(join(folder, 'tune', 'map.svg'), 'utf8');
    expect(map).toContain('distill.alpha');
    expect(map.match(/<circle/g)).toHaveLength(4);
    const { stdout } = await scratch.run(['schema', 'run']);
    const check = new Ajv2020({ strict: false }).compile(JSON.parse(stdout) as object);
    expect(check(scratch.readRecord(folder)) ? [] : check.errors).toEqual([]);
    expect(stderr).toMatch(/tuned: distill\.alpha .* on 3 folds; 4 trials, 12 trainings/);
  });

  test('trains student and baseline with what was chosen', async () => {
    const { record: plain } = await scratch.train(
      smallRecipe({ student: { ...smallRecipe().student!, optimizer: { name: 'adam' } } }),
      { set: record.tuned!.values },
    );
    expect(plain.teacher!.weightsSha256).toBe(record.teacher!.weightsSha256);
    expect(plain.student!.weightsSha256).toBe(record.student!.weightsSha256);
    expect(plain.baseline!.weightsSha256).toBe(record.baseline!.weightsSha256);
  });

  test('comes out the same for another number of workers, and never looks at the test set', async () => {
    const other = tuned();
    const { record: again, folder: second } = await scratch.train(
      { ...other, data: { ...other.data, test: { generator: 'noise', rows: 7, seed: 9 } } },
      { workers: 2 },
    );
    expect(outcomes(second)).toEqual(outcomes(folder));
    expect(again.tuned!.values).toEqual(record.tuned!.values);
    expect(again.student!.weightsSha256).toBe(record.student!.weightsSha256);
    expect(again.student!.test).not.toEqual(record.student!.test);
  });

  test('a trial takes the steps of a run: its way of training gives the bits of the cluster', async () => {
    const recipe = parseRecipe(smallRecipe());
    const { job, dataset } = await assembleJob(
      recipe,
      'r',
      { recipeFolder: scratch.folder, dataFolders: [] },
      { folder: scratch.path('prepared') },
    );
    const { record: plain, folder: run } = await scratch.train(smallRecipe());
    const teacher = readFileSync(join(run, 'teacher', 'weights.bin'));
    const hash = createHash('sha256').update(teacher).digest('hex');
    const engine = await tfjsEngine('wasm')(
      job,
      async (each) => (each === hash ? teacher : (await dataset.blocks.read(each))!),
      async () => {},
    );
    const student = await trainPhase(engine, job, 'student', hash);
    expect(student.test).toMatchObject({ weightsSha256: plain.student!.weightsSha256, metrics: plain.student!.test });
    const whole = await trainPhase(engine, job, 'teacher');
    expect(whole.test!.weightsSha256).toBe(plain.teacher!.weightsSha256);
    await engine.dispose();
  });
});

describe('a baseline that chooses its epochs', () => {
  const recipe = (): RecipeInput => ({
    ...smallRecipe({ student: { ...smallRecipe().student!, epochs: 6 } }),
    baseline: undefined,
  });

  test('is trained as a recipe with its choice is, for any number of workers; the student is what it was', async () => {
    const { record, folder } = await scratch.trainByCommand(recipe());
    const { baselineChoice: choice } = record;
    expect(choice).toMatchObject({ studentEpochs: 6, metric: 'rmse', folds: 5, trials: 1, trainings: 5, values: {} });
    expect(record.baseline!.epochs).toHaveLength(choice!.epochs);
    expect(record.student!.epochs).toHaveLength(6);
    const curves = readFileSync(join(folder, 'tune', 'baseline.jsonl'), 'utf8')
      .trim()
      .split('\n');
    expect((JSON.parse(curves[0]) as { curve: unknown[] }).curve).toHaveLength(6);
    const { record: plain } = await scratch.train(
      { ...recipe(), baseline: { epochs: choice!.epochs } },
      { workers: 2 },
    );
    expect(plain.baseline!.weightsSha256).toBe(record.baseline!.weightsSha256);
    const { record: whole } = await scratch.train({ ...recipe(), baseline: { epochs: 'student' } });
    expect(whole.student!.weightsSha256).toBe(record.student!.weightsSha256);
    expect(whole.teacher!.weightsSha256).toBe(record.teacher!.weightsSha256);
    expect(whole.baselineChoice).toBeUndefined();
    const { record: again } = await scratch.train(recipe(), { workers: 2 });
    const { seconds, ...same } = again.baselineChoice!;
    expect({ ...same, seconds: choice!.seconds }).toEqual(choice);
  });

  test('of a student that is tuned is tuned with the same budget', async () => {
    const { record } = await scratch.train({ ...tuned(), baseline: undefined });
    const { trials, trainings, folds, values: own } = record.baselineChoice!;
    expect({ trials, trainings, folds }).toEqual({ trials: 4, trainings: 12, folds: 3 });
    expect(Object.keys(own)).toEqual(["baseline.values['student.optimizer.learningRate']"]);
    const { record: plain } = await scratch.train(
      smallRecipe({ baseline: undefined, student: { ...smallRecipe().student!, optimizer: { name: 'adam' } } }),
      {
        set: { ...record.tuned!.values, ...own, 'baseline.epochs': record.baselineChoice!.epochs },
      },
    );
    expect(plain.student!.weightsSha256).toBe(record.student!.weightsSha256);
    expect(plain.baseline!.weightsSha256).toBe(record.baseline!.weightsSha256);
  });
});

const slow = (): RecipeInput =>
  tuned({ student: { model: { layers: [{ dense: 4, activation: 'relu' }, { dense: 1 }] }, epochs: 8, batch: 4 } });

/** Waits until so many trainings are done. */
async function untilMeasured(folder: string, count: number): Promise<void> {
  const file = join(folder, 'tune', 'trials.jsonl');
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 20) {
    if (existsSync(file) && readFileSync(file, 'utf8').split('\n').length > count) return;
    await delay(20);
  }
  throw new Error('the search measures nothing');
}

test('a search that was killed goes on with the trainings that are missing, to the same end', async () => {
  const { record: whole, folder: undisturbed } = await scratch.train(slow());
  const folder = scratch.out();
  const run = scratch.start(['run', scratch.recipe(slow()), '--out', folder]);
  await untilMeasured(folder, 2);
  run.child.kill('SIGKILL');
  await run.result;
  const before = entriesOf(folder).length;
  expect(before).toBeGreaterThanOrEqual(2);
  expect(before).toBeLessThan(12);
  const { code, stdout, stderr } = await scratch.run(['run', '--resume', folder, '--json']);
  expect(code, stderr).toBe(0);
  expect(outcomes(folder)).toEqual(outcomes(undisturbed));
  const again = JSON.parse(stdout) as RunRecord;
  expect(again.tuned!.values).toEqual(whole.tuned!.values);
  expect(again.student!.weightsSha256).toBe(whole.student!.weightsSha256);
});

test('a search that is interrupted ends at once, and says how to go on', async () => {
  const folder = scratch.out();
  const run = scratch.start(['run', scratch.recipe(slow()), '--out', folder]);
  await untilMeasured(folder, 1);
  run.child.kill('SIGINT');
  const { code, stderr } = await run.result;
  expect(code).toBe(130);
  expect(stderr).toContain(`stillhouse run --resume ${folder}`);
});

describe('what cannot be tuned is refused before anything is trained', () => {
  test.each([
    [{ folds: 31 }, 'TUNE_FOLDS: distill.tune.folds is 31, but the small set has 30 rows'],
    [
      { values: { 'distill.gamma': [1] } },
      "RECIPE_INVALID: distill.tune.values['distill.gamma'] is not a number in the recipe",
    ],
    [
      { values: { 'distill.beta': { from: 0.1, to: 0.05 } } },
      "RECIPE_INVALID: distill.tune.values['distill.beta'] goes from 0.1 to 0.05: from must be less than to",
    ],
    [{ values: { 'distill.alpha': [-51] } }, 'RECIPE_INVALID: distill.alpha is -51'],
  ])('%j', async (tune, message) => {
    const out = scratch.out();
    const refusal = await scratch.refusal({ ...smallRecipe(), distill: { tune } }, { out });
    expect(`${refusal.code}: ${refusal.message}`).toContain(message);
    expect(refusal.exitCode).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

test('if every trial diverges, the run ends with a code', async () => {
  const recipe = tuned();
  const { code, message, exitCode } = await scratch.refusal({
    ...recipe,
    student: { ...recipe.student!, optimizer: { name: 'sgd' } },
    distill: { tune: { values: { 'student.optimizer.learningRate': [1e20, 1e25] }, folds: 2 } },
  });
  expect([code, exitCode]).toEqual(['TUNE_FAILED', 4]);
  expect(message).toContain('the search of 2 trials found nothing: no trial gave finite numbers on every fold');
});
