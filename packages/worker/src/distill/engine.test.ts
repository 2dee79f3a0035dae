// Students in the engine: every term on every backend, transfer sets, and weights that only training needs.
import { tf } from '@stillhouse/native/tfjs';
import { afterEach, describe, expect, test } from 'vitest';
import { bytesOf, floatsOf, phaseOf, type LayerConfig } from '@stillhouse/core';
import { type Calibration, lossOf } from '@stillhouse/core/training';
import { epochOrder, stepsPerEpoch, type SumMemory } from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import {
  engines,
  evaluate,
  expectClose,
  hasNative,
  rowCount,
  runsOn,
  setUp,
  skipped,
  titleOf,
  usable,
  type Case,
  type Setup,
} from '../engine/engine.test.fixture.js';
import { setWeights } from '../model/model-file.js';
import { buildModel } from '../model/model.js';

afterEach(() => tf.disposeVariables());

const convolutional = (filters: number): LayerConfig[] => [
  { conv2d: filters, kernel: 3, activation: 'relu' },
  { conv2d: 2 * filters, kernel: 3, activation: 'relu' },
  'flatten',
  { dense: 3 * filters, activation: 'relu' },
  { dense: 4 },
];

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
  'all at once': [
    { name: 'kd' },
    { name: 'dkd', warmupEpochs: 3 },
    { name: 'hint', weight: 100 },
    { name: 'hint', teacher: 'conv2d_1', student: 'conv2d_1' },
    { name: 'rkd', weight: 0.1 },
    { name: 'pkt', weight: 30 },
  ],
} as const;

const caseOf = (distill: object, more: Partial<Case> = {}): Case => ({
  layers: convolutional(3),
  inputShape: [8, 8, 1],
  loss: 'softmaxCrossEntropy',
  outputs: 4,
  ranks: 1,
  recipe: {
    student: {
      model: { layers: convolutional(2) },
      batch: 10,
      epochs: 4,
      optimizer: { name: 'sgd', learningRate: 0.05 },
    },
    distill,
  },
  ...more,
});

/** Students by the terms that they learn from, and one of means and variances. */
const students: Record<string, (more: Partial<Case>) => Case> = {
  ...Object.fromEntries(
    Object.entries(terms).map(([name, list]) => [
      name,
      (more: Partial<Case>) => caseOf({ terms: [...list], transfer: [{ augment: { mixup: 1 } }] }, more),
    ]),
  ),
  gaussian: (more) => {
    const layers: LayerConfig[] = [{ dense: 5, activation: 'tanh' }, { dense: 4 }];
    return {
      ...caseOf({}),
      layers,
      inputShape: [6],
      loss: 'gaussian',
      outputs: 4,
      recipe: {
        student: { model: { layers }, batch: 10, epochs: 4 },
        distill: { beta: 0.5, terms: [{ name: 'kd' }, { name: 'bounded', weight: 0.5 }], rejectBeyond: 0.5 },
      },
      ...more,
    };
  },
};

interface Student extends Setup {
  readonly flatGradient: Float32Array;
  readonly memory: SumMemory;
  readonly parameters: number;
  readonly calibration: Calibration | undefined;
}

/** An engine that has just begun with the student, after a teacher of start weights. */
async function studentOf(it: Case): Promise<Student> {
  const setup = await setUp(it);
  await setup.engine.build(setup.phase, undefined);
  const hash = sha256((await setup.engine.exportModel()).data);
  const phase = phaseOf(setup.job, 'student');
  const { flatGradient, memory, layout, calibration } = await setup.engine.build(phase, hash);
  return { ...setup, phase, flatGradient, memory, parameters: layout.gradients, calibration };
}

/** Gradient and loss of a step. */
async function gradientOf({ engine, memory, flatGradient, phase }: Student, step = 0): Promise<Float32Array> {
  const { schedule } = phase;
  const epoch = Math.floor(step / stepsPerEpoch(schedule));
  const order = epochOrder(schedule, epoch);
  const rows = order.rankRows({ step, rank: 0 });
  const [sum] = memory.allocate([flatGradient.length]);
  await engine.compute({
    step,
    epoch,
    batch: rows.length,
    subtrees: [{ span: { lo: 0, hi: 1 }, sum }],
    scratch: [],
    ranks: [{ rank: 0, rows }],
    order,
    set: 'small',
  });
  return sum.slice();
}

async function train(student: Student, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    student.flatGradient.set(await gradientOf(student, step));
    await student.engine.apply(step, 0.05);
  }
}

describe.each(engines)('%s', (backend) => {
  for (const [name, make] of Object.entries(students))
    test.skipIf(!runsOn(backend, name))(
      `loss and gradient of a student equal those on cpu, and leave no tensor behind: ${titleOf(backend, name)}`,
      async () => {
        const it = make({ backend });
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
      },
    );
});

test.skipIf(!hasNative).each(Object.entries(students))(
  `a recorded step of a student gives the bits of an eager one, in every epoch: %s (${skipped})`,
  async (_, make) => {
    const reports: string[] = [];
    const steps = async (trace: boolean): Promise<Float32Array[]> => {
      const student = await studentOf(
        make({ backend: 'tensorflow', options: { trace, report: (text) => reports.push(text) } }),
      );
      return [await gradientOf(student, 0), await gradientOf(student, 1), await gradientOf(student, 8)];
    };
    const traced = await steps(true);
    expect(reports.filter((text) => text.includes('eager'))).toEqual([]);
    expect(traced).toEqual(await steps(false));
  },
);

test.skipIf(!hasNative)(`a recorded step leaves weights that rest as they are (${skipped})`, async () => {
  const reports: string[] = [];
  const steps = async (trace: boolean): Promise<Float32Array> => {
    const copy = [{ teacher: 'dense_2', freeze: true }];
    const student = await studentOf(
      caseOf(
        { copy },
        {
          backend: 'tensorflow',
          options: { trace, device: false, report: (text) => reports.push(text) },
          recipe: { student: { model: { layers: convolutional(3) }, batch: 10, epochs: 4 }, distill: { copy } },
        },
      ),
    );
    await train(student, 4);
    return (await gradientOf(student, 4)).slice();
  };
  expect(await steps(true)).toEqual(await steps(false));
  expect(reports.filter((text) => text.includes('eager'))).toEqual([]);
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
  const student = await studentOf(
    caseOf({ terms: [{ name: 'kd' }, { name: 'hint', student: 'conv2d_1', teacher: 'conv2d_1', firstEpochs: 2 }] }),
  );
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
    const student = await studentOf({
      ...it,
      recipe: { ...recipe, student: { ...recipe.student, ...(augment ? { augment } : {}) } },
    });
    await train(student, 12);
    return [...student.engine.stateBuffers()[0].data];
  };
  // Augmentation that changes nothing: rows are the same, but nobody knows that they come again.
  expectClose(await trained(undefined), await trained({}));
  // One variant comes again and again; two in turn; a new one each epoch.
  const [one, two, many] = [
    await trained({ rotate: 20, variants: 1 }),
    await trained({ rotate: 20, variants: 2 }),
    await trained({ rotate: 20 }),
  ];
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

test('a teacher is calibrated first: what it gives is divided by a temperature that is reported', async () => {
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

describe('layers taken over from the teacher', () => {
  const same = (copy: unknown): Case =>
    caseOf(
      { copy },
      {
        recipe: {
          student: {
            model: { layers: convolutional(3) },
            batch: 10,
            epochs: 4,
            optimizer: { name: 'sgd', learningRate: 0.05 },
          },
          distill: { copy },
        },
      },
    );
  const teachersOf = async (it: Case): Promise<Float32Array> => {
    const { engine, phase } = await setUp(it);
    await engine.build(phase, undefined);
    return engine.stateBuffers()[0].data.slice();
  };

  test('all of them: the student starts where the teacher is', async () => {
    const it = same('all');
    const student = await studentOf(it);
    expect(student.engine.stateBuffers()[0].data).toEqual(await teachersOf(it));
  });

  test('some stay as they are, others are trained further; the model says which', async () => {
    const it = same([{ teacher: 'conv2d_1', freeze: true }, { teacher: 'conv2d_2' }]);
    const teacher = await teachersOf(it);
    const student = await studentOf(it);
    const frozen = 9 * 3 + 3;
    const copied = 9 * 3 * 6 + 6;
    expect(student.parameters).toBe(teacher.length - frozen);
    const [parameters, others] = student.engine.stateBuffers();
    expect(parameters.data.subarray(0, copied)).toEqual(teacher.subarray(frozen, frozen + copied));
    expect(parameters.data.subarray(copied)).not.toEqual(teacher.subarray(frozen + copied));
    await train(student, 6);
    expect(others.data).toEqual(teacher.subarray(0, frozen));
    expect(student.engine.stateBuffers()[0].data.subarray(0, copied)).not.toEqual(
      teacher.subarray(frozen, frozen + copied),
    );
    const { parameters: count, weights, data } = await student.engine.exportModel();
    expect(count).toBe(teacher.length - frozen);
    expect(weights.filter(({ trainable }) => !trainable)).toHaveLength(2);
    // TFJS lists weights that rest behind the others.
    expect(floatsOf(data.slice(data.length - 4 * frozen))).toEqual(teacher.slice(0, frozen));
  });

  test.each(usable)(
    '%s: batch normalisation that rests keeps the averages that it has, and uses them',
    async (backend) => {
      const layers: LayerConfig[] = [{ dense: 6 }, 'batchNormalization', { dense: 4 }];
      const recipe = {
        student: { model: { layers }, batch: rowCount, epochs: 9, optimizer: { name: 'sgd', learningRate: 0.05 } },
        distill: { alpha: -50, copy: [{ teacher: 'batchNormalization_1', freeze: true }] },
      };
      const student = await studentOf({
        layers,
        inputShape: [5],
        loss: 'softmaxCrossEntropy',
        outputs: 4,
        ranks: 1,
        recipe,
        backend,
      });
      const [, others] = student.engine.stateBuffers();
      const before = others.data.slice();
      // Scale, shift, mean and variance of start weights.
      expect([...before].sort()).toEqual([...Array<number>(12).fill(0), ...Array<number>(12).fill(1)]);
      await train(student, 5);
      expect(others.data).toEqual(before);
      // In training the loss is that of inference.
      const sums = await evaluate(student);
      expect((await gradientOf(student))[student.parameters + before.length]).toBeCloseTo(sums[1] / sums[0], 4);
    },
  );

  test.each([
    [
      'a layer that the teacher does not have',
      [{ teacher: 'conv2d_9', student: 'conv2d_1' }],
      /names the layer conv2d_9, but the teacher has no such layer with weights; it has conv2d_1, .*, dense_2/,
    ],
    [
      'a layer that the student does not have',
      [{ teacher: 'conv2d_1', student: 'flatten_1' }],
      /the student has no such layer with weights/,
    ],
    [
      'layers of unlike shapes',
      [{ teacher: 'conv2d_1', student: 'conv2d_2' }],
      /conv2d_1 of the teacher has .* \[3, 3, 1, 3\], \[3\], but conv2d_2 of the student has \[3, 3, 3, 6\], \[6\]/,
    ],
    [
      'freezing everything',
      ['conv2d_1', 'conv2d_2', 'dense_1', 'dense_2'].map((teacher) => ({ teacher, freeze: true })),
      /nothing left to train/,
    ],
  ])('%s is refused', async (_, copy, message) => {
    await expect(studentOf(same(copy))).rejects.toMatchObject({
      code: 'MODEL_LAYER',
      message: expect.stringMatching(message),
    });
  });
});

describe.each(engines)('%s', (backend) => {
  const name = 'a student that is pruned gets as sparse as it is to be, and its zeros stay';
  test.skipIf(!runsOn(backend, name))(titleOf(backend, name), async () => {
    const it = caseOf({ alpha: 1 }, { backend });
    const recipe = it.recipe as { student: object };
    const pruned = {
      ...it,
      recipe: {
        ...recipe,
        student: {
          ...recipe.student,
          epochs: 6,
          optimizer: { name: 'adam', learningRate: 0.01 },
          prune: { sparsity: 0.8, from: 1, to: 3 },
        },
      },
    };
    const student = await studentOf(pruned);
    const perEpoch = stepsPerEpoch(student.phase.schedule);
    const zerosOf = async (of: Student): Promise<boolean[]> => {
      const { weights, data } = await of.engine.exportModel();
      const numbers = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
      let offset = 0;
      return weights.flatMap(({ shape }) => {
        const size = shape.reduce((product, each) => product * each, 1);
        const own = numbers.subarray(offset, (offset += size));
        return shape.length >= 2 ? [...own].map((value) => value === 0) : [];
      });
    };
    const share = (zeros: readonly boolean[]): number => zeros.filter(Boolean).length / zeros.length;
    await train(student, perEpoch);
    expect(share(await zerosOf(student))).toBe(0);
    for (let step = perEpoch; step < 4 * perEpoch; step++) {
      student.flatGradient.set(await gradientOf(student, step));
      await student.engine.apply(step, 0.01);
    }
    const zeros = await zerosOf(student);
    expect(share(zeros)).toBeCloseTo(0.8, 2);
    // An engine that takes over in the middle of an epoch knows what is pruned.
    const other = await studentOf(pruned);
    await other.engine.adoptState(
      student.engine.stateBuffers().map(({ name, data }) => ({ name, data: data.slice() })),
    );
    for (const each of [student, other]) {
      for (let step = 4 * perEpoch; step < 4 * perEpoch + 2; step++) {
        each.flatGradient.set(await gradientOf(each, step));
        await each.engine.apply(step, 0.01);
      }
    }
    expect(await zerosOf(student)).toEqual(zeros);
    expect(other.engine.stateBuffers()).toEqual(student.engine.stateBuffers());
  });
});

test('a student whose biases are corrected believes in each class as often as its teacher', async () => {
  const student = await studentOf(caseOf({ alpha: 0, correctBiases: true }));
  const { engine, job, x } = student;
  await train(student, 8);
  const meanOf = async (name: 'teacher' | 'student', weights: Uint8Array): Promise<number[]> => {
    const part = job.recipe[name] as { model: { layers: LayerConfig[] } };
    const model = await buildModel({
      part: name,
      config: part.model,
      asset: undefined,
      inputShape: [8, 8, 1],
      outputs: 4,
      loss: lossOf('softmaxCrossEntropy'),
      seed: 1,
    });
    setWeights(model, weights);
    return [
      ...tf
        .tidy(() => tf.mean(tf.softmax(model.predict(tf.tensor(x, [rowCount, 8, 8, 1])) as tf.Tensor), 0))
        .dataSync(),
    ];
  };
  const setup = await setUp(caseOf({}));
  await setup.engine.build(setup.phase, undefined);
  const wanted = await meanOf('teacher', (await setup.engine.exportModel()).data);
  const before = (await engine.exportModel()).data;
  const distance = (shares: number[]): number => Math.max(...shares.map((share, k) => Math.abs(share - wanted[k])));
  expect(distance(await meanOf('student', before))).toBeGreaterThan(0.01);
  await engine.correctBiases();
  const after = (await engine.exportModel()).data;
  expect(distance(await meanOf('student', after))).toBeLessThan(1e-5);
  // Nothing but the last biases has changed.
  expect(after.subarray(0, after.length - 16)).toEqual(before.subarray(0, before.length - 16));
});

test('biases can be corrected only if there are some', async () => {
  const layers: LayerConfig[] = ['flatten', { dense: 4, bias: false }];
  await expect(
    studentOf(
      caseOf({ correctBiases: true }, { recipe: { student: { model: { layers } }, distill: { correctBiases: true } } }),
    ),
  ).rejects.toMatchObject({
    code: 'MODEL_LAYER',
    message: expect.stringContaining('dense_1 is not a linear dense layer whose biases are trained'),
  });
});
