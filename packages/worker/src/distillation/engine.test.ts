// Students in the engine: every term on every backend, transfer sets, and weights that only training needs.
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, test } from 'vitest';
import { bytesOf, epochOrder, phaseOf, stepsPerEpoch, type Calibration, type LayerConfig } from '@stillhouse/core';
import { sha256 } from '@stillhouse/datasets';
import { backends, expectClose, hasNative, hints, rowCount, setUp, skipped, usable, type Case, type Setup } from '../engine.test.fixture.js';

afterEach(() => tf.disposeVariables());

const convolutional = (filters: number): LayerConfig[] => [{ conv2d: filters, kernel: 3, activation: 'relu' }, { conv2d: 2 * filters, kernel: 3, activation: 'relu' }, 'flatten', { dense: 3 * filters, activation: 'relu' }, { dense: 4 }];

/** Recipes' terms, by name. */
const terms = {
  kd: [{ name: 'kd' }],
  'kd, standardised': [{ name: 'kd', standardize: true }],
  logits: [{ name: 'logits' }],
  dkd: [{ name: 'dkd' }],
  'hint of a dense layer': [{ name: 'hint' }],
  'hint of a map': [{ name: 'hint', teacher: 'conv2d_2', student: 'conv2d_1' }],
  attention: [{ name: 'attention', teacher: 'conv2d_2', student: 'conv2d_2' }],
  rkd: [{ name: 'rkd' }],
  pkt: [{ name: 'pkt' }],
  similarity: [{ name: 'similarity', teacher: 'conv2d_1', student: 'conv2d_1' }],
  'all at once': [{ name: 'kd' }, { name: 'dkd', warmupEpochs: 3 }, { name: 'hint', weight: 100 }, { name: 'hint', teacher: 'conv2d_1', student: 'conv2d_1' }, { name: 'rkd', weight: 0.1 }, { name: 'pkt', weight: 30 }],
} as const;

const caseOf = (distill: object, more: Partial<Case> = {}): Case => ({
  layers: convolutional(3), inputShape: [8, 8, 1], loss: 'softmaxCrossEntropy', outputs: 4, ranks: 1,
  recipe: { student: { model: { layers: convolutional(2) }, batch: 10, epochs: 4, optimizer: { name: 'sgd', learningRate: 0.05 } }, distill }, ...more,
});

interface Student extends Setup {
  readonly sum: Float32Array;
  readonly parameters: number;
  readonly calibration: Calibration | undefined;
}

/** An engine that has just begun with the student, after a teacher of start weights. */
async function studentOf(it: Case): Promise<Student> {
  const setup = await setUp(it);
  await setup.engine.build(setup.phase, undefined);
  const hash = sha256((await setup.engine.exportModel()).data);
  const phase = phaseOf(setup.job, 'student');
  const { sum, layout, calibration } = await setup.engine.build(phase, hash);
  return { ...setup, phase, sum, parameters: layout.gradients, calibration };
}

/** Gradient and loss of a step. */
async function gradientOf({ engine, phase }: Student, step = 0): Promise<Float32Array> {
  const { schedule } = phase;
  const epoch = Math.floor(step / stepsPerEpoch(schedule));
  const order = epochOrder(schedule, epoch);
  const rows = order.rankRows({ step, rank: 0 });
  const [gradient] = await engine.compute({ inPlace: false, step, epoch, batch: rows.length, subtrees: [{ lo: 0, hi: 1 }], ranks: [{ rank: 0, rows }], order, set: 'small' });
  return gradient.slice();
}

async function train(student: Student, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    student.sum.set(await gradientOf(student, step));
    await student.engine.apply(step, 0.05);
  }
}

describe.each(backends)('%s', (backend) => {
  const title = hints[backend] ? `(${hints[backend]})` : '';
  test.skipIf(!usable.includes(backend)).each(Object.entries(terms))(`loss and gradient of a student equal those on cpu, and leave no tensor behind: %s ${title}`, async (_, list) => {
    const it = caseOf({ terms: [...list], transfer: [{ augment: { mixup: 1 } }] }, { backend });
    const student = await studentOf(it);
    const gradient = await gradientOf(student);
    expect(await gradientOf(student)).toEqual(gradient);
    const { numTensors } = tf.memory();
    await gradientOf(student);
    expect(tf.memory().numTensors).toBe(numTensors);
    await tf.setBackend('cpu');
    const onCpu = await studentOf({ ...it, backend: 'cpu' });
    const expected = await gradientOf(onCpu);
    const { parameters } = onCpu;
    expectClose(gradient.subarray(0, parameters), [...expected.subarray(0, parameters)]);
    expect(gradient[parameters]).toBeCloseTo(expected[parameters], 3);
  });
});

test.skipIf(!hasNative).each(Object.entries(terms))(`a recorded step of a student gives the bits of an eager one, in every epoch: %s (${skipped})`, async (_, list) => {
  const told: string[] = [];
  const steps = async (trace: boolean): Promise<Float32Array[]> => {
    const student = await studentOf(caseOf({ terms: [...list] }, { backend: 'tensorflow', options: { trace, tell: (text) => told.push(text) } }));
    return [await gradientOf(student, 0), await gradientOf(student, 1), await gradientOf(student, 8)];
  };
  const traced = await steps(true);
  expect(told.filter((text) => text.includes('eager'))).toEqual([]);
  expect(traced).toEqual(await steps(false));
});

test('a hint’s regressor is trained and saved with the state, but is no part of the model', async () => {
  const it = caseOf({ terms: [{ name: 'kd' }, { name: 'hint', weight: 10 }] });
  const one = await studentOf(it);
  const regressor = 6 * 9 + 9;
  const before = (await one.engine.exportModel()).parameters;
  expect(one.parameters).toBe(before + regressor);
  const startOfRegressor = one.engine.stateBuffers()[0].data.slice(before);
  await train(one, 5);
  const [parameters] = one.engine.stateBuffers();
  expect(parameters.data.subarray(before)).not.toEqual(startOfRegressor);
  const exported = await one.engine.exportModel();
  expect(exported.weights.map(({ name }) => name).filter((name) => name.includes('regressor'))).toEqual([]);
  expect(exported.parameters).toBe(before);
  expect(one.engine.weightsSha256()).toBe(sha256(bytesOf(parameters.data.subarray(0, before))));

  const state = one.engine.stateBuffers().map(({ name, data }) => ({ name, data: data.slice() }));
  const other = await studentOf(it);
  await other.engine.adoptState(state);
  expect(await gradientOf(other, 5)).toEqual(await gradientOf(one, 5));
});

test('in FitNets’ first stage the layers behind the hint rest, and hints rest afterwards', async () => {
  const student = await studentOf(caseOf({ terms: [{ name: 'kd' }, { name: 'hint', student: 'conv2d_1', teacher: 'conv2d_1', firstEpochs: 2 }] }));
  const stepsOfEpoch = Math.ceil(rowCount / 10);
  const first = await gradientOf(student, 0);
  const regressor = 2 * 3 + 3;
  const own = student.parameters - regressor;
  const convolution = 9 * 2 + 2;
  const isZero = (values: Float32Array): boolean => values.every((value) => value === 0);
  expect(isZero(first.subarray(0, convolution))).toBe(false);
  expect(isZero(first.subarray(convolution, own))).toBe(true);
  expect(isZero(first.subarray(own, student.parameters))).toBe(false);
  const later = await gradientOf(student, 2 * stepsOfEpoch);
  expect(isZero(later.subarray(convolution, own))).toBe(false);
  expect(isZero(later.subarray(own, student.parameters))).toBe(true);
});

test('a teacher that answers once teaches the same as one that answers each batch', async () => {
  const trained = async (augment: object | undefined): Promise<number[]> => {
    const it = caseOf({ alpha: 2, beta: 0.5, terms: [{ name: 'kd' }, { name: 'hint', weight: 5 }] });
    const recipe = it.recipe as { student: object };
    const student = await studentOf({ ...it, recipe: { ...recipe, student: { ...recipe.student, ...(augment ? { augment } : {}) } } });
    await train(student, 12);
    return [...student.engine.stateBuffers()[0].data];
  };
  // Augmentation that changes nothing: rows are the same, but nobody knows that they come again.
  expectClose(await trained(undefined), await trained({}));
  // One variant comes again and again; two in turn; a new one each epoch.
  const [one, two, many] = [await trained({ rotate: 20, variants: 1 }), await trained({ rotate: 20, variants: 2 }), await trained({ rotate: 20 })];
  expect(one).not.toEqual(two);
  expect(two).not.toEqual(many);
});

test('a student with transfer sets takes the steps of one that is given the same rows', async () => {
  // Rows of the batch once more, unchanged, and pure distillation: the mean over all rows is that over the batch.
  const plain = await gradientOf(await studentOf(caseOf({ alpha: 50 })));
  const doubled = await gradientOf(await studentOf(caseOf({ alpha: 50, transfer: [{ from: 'small', rows: 1 }] })));
  expectClose(doubled, [...plain]);
  // Other rows give another gradient.
  const large = await gradientOf(await studentOf(caseOf({ alpha: 50, transfer: [{ from: 'large', rows: 0.5 }] })));
  expect(large).not.toEqual(plain);
  const mixed = await gradientOf(await studentOf(caseOf({ alpha: 50, transfer: [{ augment: { mixup: 1 } }] })));
  expect(mixed).not.toEqual(plain);
});

test('a teacher is calibrated first: what it gives is divided by a temperature that is told', async () => {
  const distill = { alpha: 50, beta: 0.5 };
  const plain = await studentOf(caseOf(distill));
  expect(plain.calibration).toBeUndefined();
  const calibrated = await studentOf(caseOf({ ...distill, calibrate: true }));
  const { temperature, rows, before, after } = calibrated.calibration!;
  expect(rows).toBe(rowCount);
  expect(after.loss).toBeLessThan(before.loss);
  expect(Math.abs(temperature - 1)).toBeGreaterThan(0.05);
  expect(await gradientOf(calibrated)).not.toEqual(await gradientOf(plain));
});
