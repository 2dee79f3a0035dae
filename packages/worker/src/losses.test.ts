// Each formula against an independent computation in plain numbers.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import type { LossName } from '@stillhouse/core';
import { addRows, emptySums, finishMetrics } from '@stillhouse/core';
import { hardLoss, softLoss } from './losses.js';
import { distillation, supervised } from './objective.js';
import { randomStream } from '@stillhouse/core';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const softmax = (z: number[], T = 1): number[] => {
  const powers = z.map((value) => Math.exp(value / T));
  return powers.map((value) => value / powers.reduce((a, b) => a + b, 0));
};
const kl = (p: number[], q: number[]): number => p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]), 0);
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

const teacher = [[2, -1, 0.5], [0.1, 0.2, 3]];
const student = [[0.3, 0.4, -2], [1, -1, 0]];
const values = (tensor: tf.Tensor): number[] => [...tensor.dataSync()];
const close = (expected: number[]): unknown[] => expected.map((value) => expect.closeTo(value, 5));

/** ∫ p log(p/q) over a wide grid: the KL divergence of two densities, by quadrature. */
function klOfDensities(energyP: (y: number) => number, energyQ: (y: number) => number, T: number): number {
  const grid = Array.from({ length: 400_001 }, (_, i) => -200 + i * 0.001);
  const density = (energy: (y: number) => number): number[] => {
    const raw = grid.map((y) => Math.exp(-energy(y) / T));
    const z = raw.reduce((sum, value) => sum + value * 0.001, 0);
    return raw.map((value) => value / z);
  };
  const p = density(energyP);
  const q = density(energyQ);
  return p.reduce((sum, value, i) => (value > 1e-300 && q[i] > 1e-300 ? sum + value * Math.log(value / q[i]) * 0.001 : sum), 0);
}

test.each([1, 4, 20])('classification: T²·KL(softmax(t/T) ‖ softmax(s/T)) at T = %d', (T) => {
  const expected = teacher.map((t, i) => T * T * kl(softmax(t, T), softmax(student[i], T)));
  // T² enlarges the rounding of fp32.
  const digits = T > 4 ? 3 : 5;
  expect(values(softLoss('softmaxCrossEntropy', tf.tensor2d(student), tf.tensor2d(teacher), T))).toEqual(expected.map((value) => expect.closeTo(value, digits)));
});

test('a student with classes of its own is taught about those that its teacher knows', () => {
  const wider = student.map((row) => [...row, 5, -3]);
  const soft = (outputs: number[][]): number[] => values(softLoss('softmaxCrossEntropy', tf.tensor2d(outputs), tf.tensor2d(teacher), 2));
  expect(soft(wider)).toEqual(close(soft(student)));
  const gradient = tf.grad((z) => tf.sum(softLoss('softmaxCrossEntropy', z as tf.Tensor2D, tf.tensor2d(teacher), 2)))(tf.tensor2d(wider));
  expect([...values(tf.slice(gradient, [0, 3], [2, 2]))]).toEqual([0, 0, 0, 0]);
  expect(values(tf.slice(gradient, [0, 0], [2, 3])).every((value) => value !== 0)).toBe(true);
});

test('binary: T²·KL of Bernoulli(σ(z/T)), mean over outputs', () => {
  const T = 3;
  const expected = teacher.map((t, i) => (T * T * t.reduce((sum, z, k) => sum + kl([sigmoid(z / T), 1 - sigmoid(z / T)], [sigmoid(student[i][k] / T), 1 - sigmoid(student[i][k] / T)]), 0)) / t.length);
  expect(values(softLoss('binaryCrossEntropy', tf.tensor2d(student), tf.tensor2d(teacher), T))).toEqual(close(expected));
});

test.each([0.5, 2])('regression: T·KL of exp(−L(y, f)/T)/Z by quadrature, squared and absolute error, T = %d', (T) => {
  const [t, s] = [1.3, -0.4];
  const cases = [['mse', (f: number) => (y: number) => (y - f) ** 2], ['mae', (f: number) => (y: number) => Math.abs(y - f)]] as const;
  for (const [loss, energy] of cases) {
    const soft = values(softLoss(loss, tf.tensor2d([[s]]), tf.tensor2d([[t]]), T))[0];
    expect(soft).toBeCloseTo(T * klOfDensities(energy(t), energy(s), T), 3);
  }
  // For squared error that is (t − s)², whatever T is.
  expect(values(softLoss('mse', tf.tensor2d([[s]]), tf.tensor2d([[t]]), T))[0]).toBeCloseTo((t - s) ** 2, 5);
});

test('huber pulls by the loss itself', () => {
  expect(values(softLoss('huber', tf.tensor2d([[0], [3]]), tf.tensor2d([[0.5], [0]]), 9))).toEqual(close([0.125, 2.5]));
});

test.each(['mse', 'mae', 'huber', 'softmaxCrossEntropy', 'binaryCrossEntropy'] as LossName[])('%s in the engine equals the metric’s loss in plain numbers', (loss) => {
  const labels = loss === 'softmaxCrossEntropy' ? [[2], [0]] : [[1, 0, 1], [0, 0, 1]];
  const sums = emptySums(3);
  addRows(sums, loss, { rows: 2, outputs: Float32Array.from(student.flat()), outputCount: 3, labels: Float32Array.from(labels.flat()) });
  expect(tf.mean(hardLoss(loss, tf.tensor2d(student), tf.tensor2d(labels))).dataSync()[0]).toBeCloseTo(finishMetrics(loss, sums).loss, 5);
});

/** A model that gives out its input, so that a test chooses the outputs. */
const identity = (): tf.LayersModel => tf.sequential({ layers: [tf.layers.activation({ activation: 'linear', inputShape: [3] })] });
const constant = (outputs: number[]): tf.LayersModel => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [3], kernelInitializer: 'zeros' })] });
  model.layers[0].setWeights([tf.zeros([3, 3]), tf.tensor1d(outputs)]);
  return model;
};

test('pressure: (hard + P·soft)/(1 + P) with P = e^α', () => {
  const [alpha, T] = [0.5, 10];
  const P = Math.exp(alpha);
  const objective = distillation('softmaxCrossEntropy', constant(teacher[0]), { alpha, beta: 1 / T });
  const loss = objective({ x: tf.tensor2d(student), y: tf.tensor2d([[2], [0]]), model: identity(), random: randomStream(0) }).loss().dataSync()[0];
  const rows = student.map((s, i) => (-Math.log(softmax(s)[[2, 0][i]]) + P * T * T * kl(softmax(teacher[0], T), softmax(s, T))) / (1 + P));
  expect(loss).toBeCloseTo((rows[0] + rows[1]) / 2, 4);
});

test('α → −∞ is plain training, α → ∞ is pure distillation', () => {
  const batch = { x: tf.tensor2d(student), y: tf.tensor2d([[2], [0]]), model: identity(), random: randomStream(0) };
  const at = (alpha: number): number => distillation('softmaxCrossEntropy', constant(teacher[0]), { alpha, beta: 0.5 })(batch).loss().dataSync()[0];
  expect(at(-50)).toBeCloseTo(supervised('softmaxCrossEntropy')(batch).loss().dataSync()[0], 5);
  expect(at(50)).toBeCloseTo(student.reduce((sum, s) => sum + 4 * kl(softmax(teacher[0], 2), softmax(s, 2)), 0) / 2, 4);
});

test('mixed rows have the soft term only, and are mixtures of the batch', () => {
  const x = tf.tensor2d([[0, 0, 0], [1, 2, 4]]);
  const seen: number[][] = [];
  const spy = identity();
  const apply = spy.apply.bind(spy);
  spy.apply = (input, kwargs) => {
    seen.push(...((input as tf.Tensor2D).arraySync()));
    return apply(input, kwargs);
  };
  const teacherModel = constant([0, 0, 0]);
  const config = { alpha: 0, beta: 1, mixup: { rows: 2, concentration: 1 } };
  const loss = distillation('mse', teacherModel, config)({ x, y: tf.tensor2d([[1, 1, 1], [1, 1, 1]]), model: spy, random: randomStream(3) }).loss().dataSync()[0];
  expect(seen).toHaveLength(6);
  for (const row of seen.slice(2)) {
    const w = row[0];
    expect(w).toBeGreaterThanOrEqual(0);
    expect(w).toBeLessThanOrEqual(1);
    expect(row).toEqual(close([w, 2 * w, 4 * w]));
  }
  const square = (row: number[], target: number): number => row.reduce((sum, value) => sum + (value - target) ** 2, 0) / 3;
  const own = seen.slice(0, 2).reduce((sum, row) => sum + (square(row, 1) + square(row, 0)) / 2, 0);
  const mixed = seen.slice(2).reduce((sum, row) => sum + square(row, 0), 0);
  expect(loss).toBeCloseTo((own + mixed) / 6, 5);
});

test('a teacher at temperature T is trained on softmax(z/T)', () => {
  const loss = supervised('softmaxCrossEntropy', 5)({ x: tf.tensor2d(student), y: tf.tensor2d([[2], [0]]), model: identity(), random: randomStream(0) }).loss().dataSync()[0];
  expect(loss).toBeCloseTo(-(Math.log(softmax(student[0], 5)[2]) + Math.log(softmax(student[1], 5)[0])) / 2, 5);
});
