// How terms and labels are weighed against each other.
import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import type { RecipeInput } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { type MicroBatch } from '../objective/objective.js';
import { supervised } from '../objective/supervised.js';
import { distillOf } from './distill.test.fixture.js';
import { distillation, weightsAt } from './distillation.js';
import { LayersTeacher } from './teacher/teacher.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const softmax = (z: number[], T = 1): number[] => {
  const powers = z.map((value) => Math.exp(value / T));
  return powers.map((value) => value / powers.reduce((a, b) => a + b, 0));
};
const kl = (p: number[], q: number[]): number => p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]), 0);

const taught = [2, -1, 0.5];
const said = [
  [0.3, 0.4, -2],
  [1, -1, 0],
  [0, 2, 1],
];
const labels = [2, 0];

/** A model that gives out its input, so that a test chooses the outputs. */
const identity = (): tf.LayersModel =>
  tf.sequential({
    layers: [
      tf.layers.activation({ activation: 'linear', inputShape: [3] }),
      tf.layers.dense({ units: 3, kernelInitializer: 'identity', useBias: false }),
    ],
  });
const constant = (outputs: number[]): LayersTeacher => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [3], kernelInitializer: 'zeros' })] });
  model.layers[0].setWeights([tf.zeros([3, 3]), tf.tensor1d(outputs)]);
  return new LayersTeacher(model);
};

const batchOf = (rows: number): MicroBatch => ({
  x: tf.tensor2d(said.slice(0, rows)),
  y: tf.tensor2d(labels, [2, 1]),
  epoch: 0,
});
async function lossBy(config: NonNullable<RecipeInput['distill']>, batch: MicroBatch): Promise<number> {
  const objective = distillation(distillOf(config), {
    loss: lossOf('softmaxCrossEntropy'),
    student: identity(),
    teacher: constant(taught),
    epochs: 10,
    seed: 1,
  });
  return (await objective.prepare(batch)).loss().dataSync()[0];
}
const hard = (row: number): number => -Math.log(softmax(said[row])[labels[row]]);
const soft = (row: number, T: number): number => T * T * kl(softmax(taught, T), softmax(said[row], T));

test('pressure: (hard + P·soft)/(1 + P) with P = e^α', async () => {
  const P = Math.exp(0.5);
  const rows = [0, 1].map((row) => (hard(row) + P * soft(row, 10)) / (1 + P));
  expect(await lossBy({ alpha: 0.5, beta: 0.1 }, batchOf(2))).toBeCloseTo((rows[0] + rows[1]) / 2, 4);
});

test('α → −∞ is plain training, α → ∞ is pure distillation', async () => {
  const plain = await supervised(lossOf('softmaxCrossEntropy'), identity()).prepare(batchOf(2));
  expect(await lossBy({ alpha: -50, beta: 0.5 }, batchOf(2))).toBeCloseTo(plain.loss().dataSync()[0], 5);
  expect(await lossBy({ alpha: 50, beta: 0.5 }, batchOf(2))).toBeCloseTo((soft(0, 2) + soft(1, 2)) / 2, 4);
});

test('rows without a label have the soft term only', async () => {
  const own = [0, 1].map((row) => (hard(row) + soft(row, 1)) / 2);
  expect(await lossBy({}, batchOf(3))).toBeCloseTo((own[0] + own[1] + soft(2, 1)) / 3, 4);
});

test('rows whose label is an outlier to the teacher learn only from the teacher', async () => {
  const student = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: 'ones' })],
  });
  const teacher = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: 'zeros' })],
  });
  const objective = distillation(distillOf({ alpha: 0, rejectBeyond: 2 }), {
    loss: lossOf('mse'),
    student,
    teacher: new LayersTeacher(teacher),
    epochs: 1,
    seed: 1,
  });
  // The teacher says 0: of the labels 1 and 5 the second is rejected.
  const batch = await objective.prepare({ x: tf.tensor2d([[3], [4]]), y: tf.tensor2d([[1], [5]]), epoch: 0 });
  expect(batch.loss().dataSync()[0]).toBeCloseTo(((4 + 9) / 2 + 16) / 2, 5);
});

test('of gaussian the means decide about outliers', async () => {
  const model = (kernel: number[]): tf.LayersModel => {
    const it = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] });
    it.layers[0].setWeights([tf.tensor2d([kernel]), tf.zeros([2])]);
    return it;
  };
  const objective = distillation(distillOf({ alpha: 0, rejectBeyond: 2 }), {
    loss: lossOf('gaussian'),
    student: model([1, 0]),
    teacher: new LayersTeacher(model([0, 1])),
    epochs: 1,
    seed: 1,
  });
  // The teacher says 0 with log-variances 3 and 4: of the labels 1 and 5 the second is rejected.
  const batch = await objective.prepare({ x: tf.tensor2d([[3], [4]]), y: tf.tensor2d([[1], [5]]), epoch: 0 });
  const pull = (x: number): number => 0.5 * (Math.exp(x) - 1 - x + x * x);
  expect(batch.loss().dataSync()[0]).toBeCloseTo(((0.5 * 2 ** 2 + pull(3)) / 2 + pull(4)) / 2, 4);
});

test('terms add up by their weights', async () => {
  const squared = (row: number): number => said[row].reduce((sum, z, k) => sum + (z - taught[k]) ** 2, 0) / 3;
  const rows = [0, 1].map((row) => (hard(row) + 2 * soft(row, 1) + 0.5 * squared(row)) / 2);
  expect(
    await lossBy(
      {
        terms: [
          { name: 'kd', weight: 2 },
          { name: 'logits', weight: 0.5 },
        ],
      },
      batchOf(2),
    ),
  ).toBeCloseTo((rows[0] + rows[1]) / 2, 4);
});

test('blended rows are compared with both of their labels', async () => {
  const blend = { y: tf.tensor2d([0, 1], [2, 1]), weights: tf.tensor1d([0.75, 0.5]) };
  const second = (row: number, label: number): number => -Math.log(softmax(said[row])[label]);
  const expected = (0.75 * hard(0) + 0.25 * second(0, 0) + 0.5 * hard(1) + 0.5 * second(1, 1)) / 2;
  expect(await lossBy({ alpha: -50 }, { ...batchOf(2), blend })).toBeCloseTo(expected, 4);
});

test('a warm-up raises a weight linearly', () => {
  const config = distillOf({ terms: [{ name: 'kd', weight: 3, warmupEpochs: 4 }] });
  expect([0, 1, 3, 9].map((epoch) => weightsAt(config, epoch, 10).terms[0])).toEqual([0.75, 1.5, 3, 3]);
});

test('first epochs of hints: hints alone, then all the rest', () => {
  const config = distillOf({
    alpha: 0,
    terms: [{ name: 'kd' }, { name: 'hint', weight: 100, firstEpochs: 2 }, { name: 'hint', weight: 7 }],
  });
  expect(weightsAt(config, 1, 9)).toMatchObject({ hard: 0, soft: 1, terms: [0, 100, 0] });
  expect(weightsAt(config, 2, 9)).toMatchObject({ hard: 0.5, soft: 0.5, terms: [1, 0, 7] });
});

test('pressure and temperature go from their first values to the last ones', () => {
  const config = distillOf({ alpha: 0, beta: 0.1, final: { alpha: 4, beta: 1 } });
  const at = (epoch: number): { alpha: number; temperature: number } => {
    const { soft, temperature } = weightsAt(config, epoch, 5);
    return { alpha: Math.log(soft / (1 - soft)), temperature };
  };
  expect(at(0)).toEqual({ alpha: expect.closeTo(0, 9), temperature: expect.closeTo(10, 9) });
  expect(at(2)).toEqual({ alpha: expect.closeTo(2, 9), temperature: expect.closeTo(Math.sqrt(10), 9) });
  expect(at(4)).toEqual({ alpha: expect.closeTo(4, 9), temperature: expect.closeTo(1, 9) });
  expect(weightsAt(distillOf({ alpha: 1, final: { beta: 0.5 } }), 0, 1)).toMatchObject({ temperature: 2 });
});

const models = (): { student: tf.LayersModel; teacher: LayersTeacher } => {
  const dense = (units: number, name: string, inputShape?: number[]): tf.layers.Layer =>
    tf.layers.dense({ units, name, ...(inputShape ? { inputShape } : {}) });
  const teacher = tf.sequential({ layers: [dense(5, 'dense_1', [3]), dense(3, 'dense_2')] });
  const student = tf.sequential({
    layers: [dense(4, 'dense_1', [3]), tf.layers.dropout({ rate: 0.5, name: 'dropout_1' }), dense(3, 'dense_2')],
  });
  return { student, teacher: new LayersTeacher(teacher) };
};

test.each([
  [
    { name: 'hint', student: 'dense_9' },
    'distill.terms[0].student names the layer dense_9, which the student does not have; it has dense_1, ' +
      'dropout_1, dense_2',
  ],
  [
    { name: 'rkd', teacher: 'x' },
    'distill.terms[0].teacher names the layer x, which the teacher does not have; it has dense_1, dense_2',
  ],
  [
    { name: 'attention' },
    'distill.terms[0] compares maps of [height, width, channels], of which one size divides the other, but ' +
      "the student's dense_1 has shape [4] and the teacher's dense_1 [5]",
  ],
] as const)('a term that cannot be had: %j', (term, message) => {
  expect(() =>
    distillation(distillOf({ terms: [term] }), {
      loss: lossOf('softmaxCrossEntropy'),
      ...models(),
      epochs: 10,
      seed: 1,
    }),
  ).toThrow(expect.objectContaining({ code: 'MODEL_LAYER', message }) as Error);
});

test('start weights of what a term learns follow from its seed', () => {
  const kernel = (seed: number): unknown =>
    distillation(distillOf({ terms: [{ name: 'hint' }] }), {
      loss: lossOf('softmaxCrossEntropy'),
      ...models(),
      epochs: 10,
      seed,
    })
      .weights[0].read()
      .arraySync();
  expect(kernel(1)).toEqual(kernel(1));
  expect(kernel(1)).not.toEqual(kernel(2));
});

test('a model of one layer has none before its last one', () => {
  expect(() =>
    distillation(distillOf({ terms: [{ name: 'pkt' }] }), {
      loss: lossOf('softmaxCrossEntropy'),
      student: models().student,
      teacher: constant(taught),
      epochs: 10,
      seed: 1,
    }),
  ).toThrow('distill.terms[0].teacher is not given, and the teacher has no layer before its last one');
});
