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

test('what to expect of several workers is one line, also when they help', () => {
  const times = { workerId: 'w1', ranks: 2, rankMs: 10, exchangeMs: 3 };
  const notice = {
    type: 'stepTimes',
    phase: 'teacher',
    times: { workers: [times, { ...times, workerId: 'w2' }], computeMs: 20, exchangeMs: 3, aloneMs: 40 },
  } as const;
  expect(lineOf(notice, job)).toBe(
    'teacher: 2 workers: about 1.7 times one (a step takes 23 ms, of which 3 ms for the exchange; one worker ' +
      'would take 40 ms); per step, w1 computes for 20 ms and exchanges or waits for 3 ms; w2 computes for ' +
      '20 ms and exchanges or waits for 3 ms',
  );
});
