// The sentence about the baseline's epochs names both lengths, and why.
import { expect, test } from 'vitest';
import type { TunedRecord } from '@stillhouse/core';
import { baselineNote } from './baseline-note.js';

const choice = {
  epochs: 83,
  studentEpochs: 1200,
  values: {},
  metric: 'rmse',
  mean: 0.0627,
  meanOfAll: 0.0666,
  folds: 5,
  trials: 1,
  trainings: 5,
  seconds: 1,
  reason: 'the best',
} as const;

test('it says for how long baseline and student trained, by what, and which values the baseline has', () => {
  expect(baselineNote({})).toEqual([]);
  const values = { "baseline.values['student.optimizer.learningRate']": 0.02 };
  expect(baselineNote({ baselineChoice: { ...choice, values } })[0]).toMatch(
    /for 83 epochs, the student for 1,200: the best \(.* 5 folds .*; student\.optimizer\.learningRate = 0\.02\)\.$/,
  );
  const trial = { trial: 0, values: {}, folds: 3, mean: 1, standardError: 0, comparable: 1 };
  const tuned = { trials: [trial, trial], trainings: 1200 } as unknown as TunedRecord;
  expect(baselineNote({ baselineChoice: choice, tuned })[0]).toContain(
    "; in 1 trial and 5 trainings, the student's search in 2 trials and 1,200 trainings).",
  );
  expect(baselineNote({ baselineChoice: { ...choice, epochs: 1, folds: 0, reason: 'few rows' } })).toEqual([
    'The baseline trained for 1 epoch, as many as the student: few rows.',
  ]);
});
