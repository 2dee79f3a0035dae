// Local steps between exchanges, in real processes: the same bits for any number of workers, under kills in the middle
// of rounds, and after a restart; and a loss close to that of an exchange per step.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import type { RecipeInput, RunRecord } from '@stillhouse/core';
import { convolutional, Scratch, smallRecipe } from './cli.js';
import { ProcessCluster, unhurried } from './processes.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

/** A teacher only: nothing else has rounds. */
const teacherOnly = (change: Partial<RecipeInput>): RecipeInput => {
  const { student, distill, baseline, ...rest } = smallRecipe(change);
  return rest;
};

const teacherOf = ({ teacher }: RunRecord): NonNullable<RunRecord['teacher']> => teacher!;

test('1, 2 and 4 workers give the same bits, and use every row once', async () => {
  const recipe = teacherOnly({
    ranks: 5,
    sync: { every: 3 },
    teacher: {
      model: { layers: convolutional },
      batch: 24,
      epochs: 3,
      validation: 0.1,
      optimizer: { name: 'adamw', clipNorm: 0.5, weightDecay: 0.01 },
      schedule: { name: 'cosine', warmupSteps: 3 },
      earlyStopping: { patience: 2 },
    },
  });
  const teachers = [];
  for (const workers of [1, 2, 4]) {
    const { record } = await scratch.train(recipe, workers === 1 ? {} : { workers });
    expect(record.workers).toHaveLength(workers);
    teachers.push(teacherOf(record));
  }
  const [first] = teachers;
  // 183 rows: 8 steps per epoch, in rounds of 3, 3 and 2.
  expect(first).toMatchObject({ steps: 24, rounds: 9, samples: 3 * first.epochs[0].rows });
  for (const { weightsSha256, test: metrics, epochs } of teachers) {
    expect([weightsSha256, metrics]).toEqual([first.weightsSha256, first.test]);
    expect(epochs.map(({ trainLoss, rowsDigest }) => [trainLoss, rowsDigest])).toEqual(
      first.epochs.map(({ trainLoss }) => [trainLoss, first.expectedRowsDigest]),
    );
  }
});

/** Rounds of about a second and a half. */
const slow: RecipeInput = teacherOnly({
  name: 'rounds',
  ranks: 4,
  sync: { every: 6 },
  data: {
    large: { generator: 'friedman1', rows: 2007 },
    test: { generator: 'friedman1', rows: 50, seed: 2 },
  },
  teacher: {
    model: { module: unhurried(scratch), export: 'teacher' },
    batch: 128,
    epochs: 3,
    optimizer: { name: 'adam' },
  },
});

test('workers are killed in the middle of rounds, then everything is; the bits stay', async () => {
  const { record: undisturbed } = await scratch.train(slow, { backend: 'wasm' });
  const cluster = new ProcessCluster(scratch, slow, ['--heartbeat-timeout', '2', '--checkpoint-every', '0.5']);
  await cluster.start(3);
  await cluster.coordinator.logged(/epoch 1\//);
  await delay(400);
  cluster.kill(cluster.workers[0]);
  cluster.join();
  await delay(900);
  cluster.kill(cluster.workers[1]);
  await cluster.coordinator.logged(/epoch 2\//);
  const journal = join(cluster.out, 'journal.jsonl');
  for (let waited = 0; !readFileSync(journal, 'utf8').includes('"checkpoint"') && waited < 400; waited++)
    await delay(50);
  cluster.coordinator.child.kill('SIGKILL');
  cluster.workers.forEach((worker) => cluster.kill(worker));
  await Promise.all([cluster.coordinator, ...cluster.workers].map(({ result }) => result));
  const { code, stdout, stderr } = await scratch.run([
    'run',
    '--resume',
    cluster.out,
    '--workers',
    '2',
    '--backend',
    'wasm',
    '--json',
  ]);
  expect(stderr).toMatch(/continues from the checkpoint at operation/);
  expect(code).toBe(0);
  const teacher = teacherOf(JSON.parse(stdout) as RunRecord);
  expect(teacher.weightsSha256).toBe(teacherOf(undisturbed).weightsSha256);
  expect(teacher).toMatchObject({ steps: 48, rounds: 9 });
  for (const { rowsDigest } of teacher.epochs) expect(rowsDigest).toBe(teacher.expectedRowsDigest);
});

test('a rank whose numbers are not finite is named with the step of its round', async () => {
  const hot = teacherOnly({ sync: { every: 4 } });
  const { code, message } = await scratch.refusal({
    ...hot,
    teacher: { ...hot.teacher, optimizer: { name: 'sgd', learningRate: 1e30 } } as RecipeInput['teacher'],
  });
  expect(code).toBe('LOSS_NOT_FINITE');
  expect(message).toMatch(/the loss, gradient or a weight of the teacher is not a finite number at step 1, rank 0/);
});

test('a hundred steps between exchanges come to nearly the same loss', async () => {
  const recipe = (sync: RecipeInput['sync']): RecipeInput =>
    teacherOnly({
      ranks: 2,
      ...(sync ? { sync } : {}),
      data: {
        large: { generator: 'friedman1', rows: 3200 },
        test: { generator: 'friedman1', rows: 1000, seed: 2 },
      },
      teacher: {
        model: { layers: [{ dense: 16, activation: 'relu' }, { dense: 1 }] },
        batch: 32,
        epochs: 24,
        optimizer: { name: 'adam', learningRate: 0.005 },
      },
    });
  const [every, rounds] = [await scratch.train(recipe(undefined)), await scratch.train(recipe({ every: 100 }))];
  const losses = [every, rounds].map(({ record }) => teacherOf(record).test.loss!);
  expect(teacherOf(rounds.record)).toMatchObject({ steps: 2400, rounds: 24 });
  expect(losses[1] / losses[0]).toBeLessThan(1.15);
});
