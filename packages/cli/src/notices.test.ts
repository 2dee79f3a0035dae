// The lines of a run.
import { expect, test } from 'vitest';
import { parseRecipe, type CoordinatorNotice, type Job } from 'stillhouse';
import { lineOf, tuningLine } from './notices.js';

const job = {
  recipe: parseRecipe({
    name: 'small',
    data: { large: { generator: 'friedman1', rows: 64 }, test: { generator: 'friedman1', rows: 10, seed: 1 } },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] }, epochs: 1 },
  }),
  dataset: { sets: { large: { rowCount: 64, blockRows: 64, blocks: [] } } },
} as unknown as Job;

test('a phase that continues says where, and why it stopped', () => {
  const notice: CoordinatorNotice = {
    type: 'phaseAssigned',
    phase: 'teacher',
    generation: 2,
    ops: 379,
    members: [
      { workerId: 'w1', ranks: { lo: 0, hi: 2 } },
      { workerId: 'w2', ranks: { lo: 2, hi: 2 } },
    ],
    idle: [],
    reason: 'at operation 379',
    cause: 'ranks move: a step takes 5.00 ms and would take 3.00 ms',
  };
  expect(lineOf(notice, job)).toBe(
    'teacher: continues at operation 379, 1 worker; w2 without a rank ' +
      '(ranks move: a step takes 5.00 ms and would take 3.00 ms)',
  );
});

test('a recipe that tunes nothing is not said to be tuned', () => {
  const notice = { type: 'tuning', done: 1, planned: 5, what: "the baseline's epochs on 5 folds" } as const;
  expect(tuningLine(notice, job)).toBe("cross-validation: the baseline's epochs on 5 folds, 1 of 5 trainings");
});
