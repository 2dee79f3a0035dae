// Predictions that are no finite numbers are counted, and the first is named.
import { expect, test } from 'vitest';
import { NotFiniteRows } from './not-finite.js';

test('an output that overflows, or a transform of it that does', () => {
  const targets = [
    { mean: 0, deviation: 1, transform: 'log' as const },
    { mean: 0, deviation: 1 },
  ];
  const rows = new NotFiniteRows({ loss: 'mse', classes: null, targets, outputs: 2 });
  rows.add(Float32Array.of(700, 5000, 1, 1));
  expect(rows.warnings('x.csv: the prediction')).toEqual([]);
  rows.add(Float32Array.of(1, 1, 800, 0, 0, -Infinity));
  expect(rows.warnings('x.csv: the prediction')).toEqual([
    'x.csv: the prediction for 2 of 5 rows is no finite number (the first is row 4): look for inputs far outside ' +
      'those of the training rows',
  ]);
});

test('of classes it is the logits that count', () => {
  const rows = new NotFiniteRows({ loss: 'softmaxCrossEntropy', classes: ['a', 'b'], targets: [], outputs: 2 });
  rows.add(Float32Array.of(1e38, -1e38, NaN, 1));
  expect(rows.warnings('the prediction')[0]).toContain('for 1 of 2 rows is no finite number (the first is row 2)');
});
