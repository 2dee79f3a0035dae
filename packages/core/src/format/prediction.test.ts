// What a model's outputs say, in the words of its metadata.
import { expect, test } from 'vitest';
import { lossNames } from '../loss/losses.js';
import { canPredict, predictionOf } from './prediction.js';

const scaled = [
  { mean: 100, deviation: 10 },
  { mean: -1, deviation: 2 },
];

test('regression: values in their own units', () => {
  for (const loss of ['mse', 'mae', 'huber'] as const) {
    expect(predictionOf([1, 0.5], { loss, classes: null, targets: scaled })).toEqual({ values: [110, 0] });
    expect(predictionOf([1, 0.5], { loss, classes: null, targets: [] })).toEqual({ values: [1, 0.5] });
  }
});

test('a module’s loss with several outputs per target: those that predict the targets come first', () => {
  const of = { loss: 'mse', outputsPerTarget: 2, classes: null } as const;
  expect(predictionOf([1, 0.5, 7, 8], { ...of, targets: scaled })).toEqual({ values: [110, 0] });
  expect(predictionOf([1, 7], { ...of, targets: [] })).toEqual({ values: [1] });
});

test('gaussian: means first, then deviations, both in the targets’ units', () => {
  expect(predictionOf([1, 0.5, 0, 2 * Math.log(3)], { loss: 'gaussian', classes: null, targets: scaled })).toEqual({
    values: [110, 0],
    deviations: [10, expect.closeTo(6, 12)],
  });
});

test('transformed targets: values in their own units, medians with half the distance between their quantiles', () => {
  const targets = [{ mean: 2, deviation: 0.5, transform: 'log' }, scaled[0]!] as const;
  expect(predictionOf([1, 1], { loss: 'mse', classes: null, targets })).toEqual({ values: [Math.exp(2.5), 110] });
  const outputs = [1, 1, 2 * Math.log(0.2), 0];
  expect(predictionOf(outputs, { loss: 'gaussian', classes: null, targets })).toEqual({
    values: [Math.exp(2.5), 110],
    deviations: [expect.closeTo((Math.exp(2.6) - Math.exp(2.4)) / 2, 12), 10],
  });
});

test('classes that exclude each other: the most probable one by its name, or its number', () => {
  const outputs = [Math.log(1), Math.log(3)];
  const probabilities = [expect.closeTo(0.25, 12), expect.closeTo(0.75, 12)];
  const of = { loss: 'softmaxCrossEntropy', targets: [] } as const;
  expect(predictionOf(outputs, { ...of, classes: ['cat', 'dog'] })).toEqual({ class: 'dog', probabilities });
  expect(predictionOf(outputs, { ...of, classes: null })).toEqual({ class: '1', probabilities });
  expect(predictionOf([1000, -1000], { ...of, classes: null })).toEqual({ class: '0', probabilities: [1, 0] });
});

test('a single yes or no has two classes, with a probability each', () => {
  const of = { loss: 'binaryCrossEntropy', targets: [] } as const;
  const probabilities = [expect.closeTo(0.25, 12), expect.closeTo(0.75, 12)];
  expect(predictionOf([Math.log(3)], { ...of, classes: ['no', 'yes'] })).toEqual({ class: 'yes', probabilities });
  expect(predictionOf([-Math.log(3)], { ...of, classes: ['no', 'yes'] })).toEqual({
    class: 'no',
    probabilities: [...probabilities].reverse(),
  });
  expect(predictionOf([1000], { ...of, classes: null })).toEqual({ class: '1', probabilities: [0, 1] });
  expect(predictionOf([0], { ...of, classes: null })).toEqual({ class: '0', probabilities: [0.5, 0.5] });
});

test('several independent classes: a list, with the probability of each', () => {
  const of = { loss: 'binaryCrossEntropy', targets: [], classes: null } as const;
  const third = expect.closeTo(1 / 3, 12);
  expect(predictionOf([-Math.log(2), 0, 1000], of)).toEqual({ class: ['0', '0', '1'], probabilities: [third, 0.5, 1] });
});

test('every built-in loss can be read, and no other name', () => {
  for (const loss of lossNames) expect(canPredict(loss)).toBe(true);
  for (const loss of ['toString', 'focal', undefined]) expect(canPredict(loss)).toBe(false);
});
