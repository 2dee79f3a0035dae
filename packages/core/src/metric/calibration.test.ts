import { expect, test } from 'vitest';
import { fitTemperature } from './calibration.js';
import { lossOf } from '../loss/losses.js';
import { finishMetrics } from './metrics.js';
import { addRows, emptySums } from './sums.js';
import { gaussian, randomStream } from '../random/random.js';

/** Rows whose labels are drawn from the probabilities of their logits; what is given are the logits times a factor. */
function drawn(
  rows: number,
  classes: number,
  factor: number,
): { outputs: Float32Array; outputCount: number; labels: Float32Array; rows: number } {
  const next = randomStream(rows, classes);
  const outputs = new Float32Array(rows * classes);
  const labels = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const logits = Array.from({ length: classes }, () => 2 * gaussian(next));
    const powers = logits.map(Math.exp);
    let left = next() * powers.reduce((sum, value) => sum + value, 0);
    labels[i] = powers.findIndex((value) => (left -= value) < 0);
    outputs.set(
      logits.map((value) => factor * value),
      i * classes,
    );
  }
  return { outputs, outputCount: classes, labels, rows };
}

test.each([0.3, 1, 3])('logits that are %d times too large are divided by that, and are calibrated then', (factor) => {
  const { temperature, before, after, rows } = fitTemperature(lossOf('softmaxCrossEntropy'), drawn(20_000, 5, factor));
  expect(rows).toBe(20_000);
  expect(temperature / factor).toBeGreaterThan(0.95);
  expect(temperature / factor).toBeLessThan(1.05);
  expect(after.ece).toBeLessThan(0.015);
  expect(after.loss).toBeLessThanOrEqual(before.loss + 1e-9);
  if (factor !== 1) expect(before.ece).toBeGreaterThan(4 * after.ece);
});

test('independent classes', () => {
  const next = randomStream(3);
  const rows = 20_000;
  const outputs = Float32Array.from({ length: rows }, () => 2 * gaussian(next));
  const labels = outputs.map((z) => (next() < 1 / (1 + Math.exp(-z)) ? 1 : 0));
  const { temperature, after } = fitTemperature(lossOf('binaryCrossEntropy'), {
    outputs: outputs.map((z) => 4 * z),
    outputCount: 1,
    labels,
    rows,
  });
  expect(temperature).toBeCloseTo(4, 0);
  expect(after.ece).toBeLessThan(0.015);
});

test('the expected calibration error, by hand', () => {
  const sums = emptySums({ loss: lossOf('softmaxCrossEntropy') }, 2);
  // Probabilities 0.9 (right, wrong) and 0.6 (right): |0.5 − 0.9|·2/3 + |1 − 0.6|·1/3.
  const logit = (p: number): number => Math.log(p / (1 - p));
  addRows(
    sums,
    { loss: lossOf('softmaxCrossEntropy') },
    {
      rows: 3,
      outputCount: 2,
      outputs: Float32Array.from([logit(0.9), 0, logit(0.9), 0, 0, logit(0.6)]),
      labels: Float32Array.from([0, 1, 1]),
    },
  );
  expect(finishMetrics({ loss: lossOf('softmaxCrossEntropy') }, sums).ece).toBeCloseTo((0.4 * 2 + 0.4) / 3, 6);
});
