// Each formula against an independent computation in plain numbers.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { finishMetrics } from '../metric/metrics.js';
import { addRows, emptySums } from '../metric/sums.js';
import { lossOf, type LossName } from './losses.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const softmax = (z: number[], T = 1): number[] => {
  const powers = z.map((value) => Math.exp(value / T));
  return powers.map((value) => value / powers.reduce((a, b) => a + b, 0));
};
const kl = (p: number[], q: number[]): number => p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]!), 0);
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

const teacher = [
  [2, -1, 0.5],
  [0.1, 0.2, 3],
];
const student = [
  [0.3, 0.4, -2],
  [1, -1, 0],
];
const softLoss = (loss: LossName, s: tf.Tensor2D, t: tf.Tensor2D, T: number): tf.Tensor =>
  lossOf(loss).soft({ tf, student: s, teacher: t, temperature: tf.scalar(T) }) as tf.Tensor;
const hardLoss = (loss: LossName, outputs: number[][], labels: number[][], temperature = 1): tf.Tensor =>
  lossOf(loss).hard({ tf, outputs: tf.tensor2d(outputs), labels: tf.tensor2d(labels), temperature }) as tf.Tensor;
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
  return p.reduce(
    (sum, value, i) => (value > 1e-300 && q[i]! > 1e-300 ? sum + value * Math.log(value / q[i]!) * 0.001 : sum),
    0,
  );
}

test.each([1, 4, 20])('classification: T²·KL(softmax(t/T) ‖ softmax(s/T)) at T = %d', (T) => {
  const expected = teacher.map((t, i) => T * T * kl(softmax(t, T), softmax(student[i]!, T)));
  // T² enlarges the rounding of fp32.
  const digits = T > 4 ? 3 : 5;
  expect(values(softLoss('softmaxCrossEntropy', tf.tensor2d(student), tf.tensor2d(teacher), T))).toEqual(
    expected.map((value) => expect.closeTo(value, digits)),
  );
});

test('a student with classes of its own is taught about those that its teacher knows', () => {
  const wider = student.map((row) => [...row, 5, -3]);
  const soft = (outputs: number[][]): number[] =>
    values(softLoss('softmaxCrossEntropy', tf.tensor2d(outputs), tf.tensor2d(teacher), 2));
  expect(soft(wider)).toEqual(close(soft(student)));
  const gradient = tf.grad((z) => tf.sum(softLoss('softmaxCrossEntropy', z as tf.Tensor2D, tf.tensor2d(teacher), 2)))(
    tf.tensor2d(wider),
  );
  expect([...values(tf.slice(gradient, [0, 3], [2, 2]))]).toEqual([0, 0, 0, 0]);
  expect(values(tf.slice(gradient, [0, 0], [2, 3])).every((value) => value !== 0)).toBe(true);
});

test('binary: T²·KL of Bernoulli(σ(z/T)), mean over outputs', () => {
  const T = 3;
  const expected = teacher.map(
    (t, i) =>
      (T *
        T *
        t.reduce(
          (sum, z, k) =>
            sum +
            kl([sigmoid(z / T), 1 - sigmoid(z / T)], [sigmoid(student[i]![k]! / T), 1 - sigmoid(student[i]![k]! / T)]),
          0,
        )) /
      t.length,
  );
  expect(values(softLoss('binaryCrossEntropy', tf.tensor2d(student), tf.tensor2d(teacher), T))).toEqual(
    close(expected),
  );
});

test.each([0.5, 2])('regression: T·KL of exp(−L(y, f)/T)/Z by quadrature, squared and absolute error, T = %d', (T) => {
  const [t, s] = [1.3, -0.4];
  const cases = [
    ['mse', (f: number) => (y: number) => (y - f) ** 2],
    ['mae', (f: number) => (y: number) => Math.abs(y - f)],
  ] as const;
  for (const [loss, energy] of cases) {
    const soft = values(softLoss(loss, tf.tensor2d([[s]]), tf.tensor2d([[t]]), T))[0];
    expect(soft).toBeCloseTo(T * klOfDensities(energy(t), energy(s), T), 3);
  }
  // For squared error that is (t − s)², whatever T is.
  expect(values(softLoss('mse', tf.tensor2d([[s]]), tf.tensor2d([[t]]), T))[0]).toBeCloseTo((t - s) ** 2, 5);
});

test.each([0.5, 1, 3])('gaussian: T·KL of exp(−L(y, f)/T)/Z by quadrature, T = %d', (T) => {
  const [t, s]: [[number, number], [number, number]] = [
    [1.3, 0.4],
    [-0.4, -0.7],
  ];
  const energy =
    ([mean, logVariance]: readonly [number, number]) =>
    (y: number): number =>
      0.5 * ((y - mean) ** 2 * Math.exp(-logVariance) + logVariance);
  expect(values(softLoss('gaussian', tf.tensor2d([s]), tf.tensor2d([t]), T))[0]).toBeCloseTo(
    T * klOfDensities(energy(t), energy(s), T),
    3,
  );
  // Two targets: means first, then log-variances; the mean over both.
  const both = values(
    softLoss('gaussian', tf.tensor2d([[s[0], t[0], s[1], t[1]]]), tf.tensor2d([[t[0], t[0], t[1], t[1]]]), T),
  )[0];
  expect(both).toBeCloseTo(values(softLoss('gaussian', tf.tensor2d([s]), tf.tensor2d([t]), T))[0]! / 2, 5);
});

test('gaussian in the engine equals the metric’s loss, and the negative log-likelihood except for ½·log 2π', () => {
  const [outputs, labels] = [
    [
      [0.3, 2, -0.5, 1],
      [1, -1, 0, 0.2],
    ],
    [
      [0.1, 1],
      [2, -2],
    ],
  ];
  const sums = emptySums({ loss: lossOf('gaussian') }, 4);
  addRows(
    sums,
    { loss: lossOf('gaussian') },
    {
      rows: 2,
      outputs: Float32Array.from(outputs.flat()),
      outputCount: 4,
      labels: Float32Array.from(labels.flat()),
    },
  );
  const { loss, rmse } = finishMetrics({ loss: lossOf('gaussian') }, sums);
  expect(tf.mean(hardLoss('gaussian', outputs, labels)).dataSync()[0]).toBeCloseTo(loss, 5);
  const density = (y: number, mean: number, variance: number): number =>
    Math.exp(-((y - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
  const likelihoods = outputs.flatMap((row, i) =>
    labels[i]!.map((y, k) => Math.log(density(y, row[k]!, Math.exp(row[2 + k]!)))),
  );
  expect(loss).toBeCloseTo(-likelihoods.reduce((a, b) => a + b, 0) / 4 - 0.5 * Math.log(2 * Math.PI), 6);
  expect(rmse).toBeCloseTo(Math.sqrt((0.2 ** 2 + 1 + 1 + 1) / 4), 6);
});

test('huber pulls by the loss itself', () => {
  expect(values(softLoss('huber', tf.tensor2d([[0], [3]]), tf.tensor2d([[0.5], [0]]), 9))).toEqual(close([0.125, 2.5]));
});

test.each(['mse', 'mae', 'huber', 'softmaxCrossEntropy', 'binaryCrossEntropy'] as LossName[])(
  '%s in the engine equals the metric’s loss in plain numbers',
  (loss) => {
    const labels =
      loss === 'softmaxCrossEntropy'
        ? [[2], [0]]
        : [
            [1, 0, 1],
            [0, 0, 1],
          ];
    const sums = emptySums({ loss: lossOf(loss) }, 3);
    addRows(
      sums,
      { loss: lossOf(loss) },
      {
        rows: 2,
        outputs: Float32Array.from(student.flat()),
        outputCount: 3,
        labels: Float32Array.from(labels.flat()),
      },
    );
    expect(tf.mean(hardLoss(loss, student, labels)).dataSync()[0]).toBeCloseTo(
      finishMetrics({ loss: lossOf(loss) }, sums).loss,
      5,
    );
  },
);

test('a teacher at temperature T is trained on softmax(z/T)', () => {
  expect(values(hardLoss('softmaxCrossEntropy', student, [[2], [0]], 5))).toEqual(
    close([-Math.log(softmax(student[0]!, 5)[2]!), -Math.log(softmax(student[1]!, 5)[0]!)]),
  );
});
