import { expect, test } from 'vitest';
import { decideEarlyStopping } from './early-stopping.js';
import { learningRateAt } from './learning-rate.js';
import { recipeSchema } from '../recipe/schema.js';
import type { LearningRateSchedule } from '../recipe/training.js';

const scheduleOf = (schedule: object): LearningRateSchedule =>
  recipeSchema.shape.student.unwrap().shape.schedule.parse(schedule);
const at = (step: number): { step: number; stepsPerEpoch: number; totalSteps: number } => ({
  step,
  stepsPerEpoch: 10,
  totalSteps: 100,
});

test('constant, after a linear warm-up', () => {
  const schedule = scheduleOf({ name: 'constant', warmupSteps: 4 });
  expect([0, 1, 2, 3, 4, 99].map((step) => learningRateAt(0.8, schedule, at(step)))).toEqual([
    0.2,
    0.4,
    expect.closeTo(0.6, 12),
    0.8,
    0.8,
    0.8,
  ]);
});

test('step: a factor every so many epochs', () => {
  const schedule = scheduleOf({ name: 'step', everyEpochs: 3, factor: 0.5 });
  expect([0, 29, 30, 59, 60, 99].map((step) => learningRateAt(1, schedule, at(step)))).toEqual([
    1, 1, 0.5, 0.5, 0.25, 0.125,
  ]);
});

test('cosine: from the full rate to the final share', () => {
  const schedule = scheduleOf({ name: 'cosine', finalFactor: 0.1 });
  expect(learningRateAt(1, schedule, at(0))).toBe(1);
  expect(learningRateAt(1, schedule, at(50))).toBeCloseTo(0.55, 12);
  expect(learningRateAt(1, schedule, at(100))).toBeCloseTo(0.1, 12);
});

test('early stopping waits for `patience` epochs without improvement, and knows which direction is better', () => {
  const config = { metric: 'loss', patience: 2, minDelta: 0, restoreBest: true } as const;
  const losses = (...values: number[]): { loss: number; rows: number }[] => values.map((loss) => ({ loss, rows: 1 }));
  expect(decideEarlyStopping(config, losses(3, 2))).toMatchObject({ improved: true, stop: false });
  expect(decideEarlyStopping(config, losses(3, 2, 2.5))).toMatchObject({ improved: false, stop: false, bestEpoch: 1 });
  expect(decideEarlyStopping(config, losses(3, 2, 2.5, 2.1))).toMatchObject({
    stop: true,
    bestEpoch: 1,
    reason: 'loss has not improved for 2 epochs',
  });
  expect(decideEarlyStopping(config, losses(NaN, NaN, NaN))).toMatchObject({ stop: true });
  const accuracy = [0.5, 0.7, 0.6].map((value) => ({ accuracy: value, loss: 0, rows: 1 }));
  expect(decideEarlyStopping({ ...config, metric: 'accuracy' }, accuracy)).toMatchObject({ bestEpoch: 1 });
});
