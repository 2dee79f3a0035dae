// Each method against an independent computation in plain numbers.
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { lossOf } from '../loss/losses.js';
import { randomStream } from '../random/random.js';
import type { LayerShapes, TermBatch } from './define-term.js';
import { hint as hintTerm } from './hint.js';
import { termOf, termSchema } from './terms.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

type Matrix = number[][];
const draw = (rows: number, columns: number, seed: number): Matrix => {
  const next = randomStream(seed, rows, columns);
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => 4 * next() - 2));
};
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const softmax = (z: readonly number[], T: number): number[] => {
  const powers = z.map((value) => Math.exp(value / T));
  return powers.map((value) => value / sum(powers));
};
const kl = (p: readonly number[], q: readonly number[]): number =>
  sum(p.map((value, i) => value * Math.log(value / q[i]!)));
const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((value, i) => value * b[i]!));
const norm = (a: readonly number[]): number => Math.sqrt(dot(a, a));
const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value - b[i]!);
const huber = (e: number): number => (Math.abs(e) < 1 ? 0.5 * e * e : Math.abs(e) - 0.5);

interface Given {
  readonly outputs?: { student: Matrix; teacher: Matrix };
  readonly features?: { student: tf.Tensor; teacher: tf.Tensor };
  readonly labels?: number[];
  readonly T?: number;
}

type Objective = Pick<TermBatch<unknown>, 'shapes' | 'learned'> & { readonly config: object };

/** A term of the recipe. */
const objective = (config: object): Objective => ({ config, shapes: undefined, learned: undefined });
const knowledgeDistillation = objective({ name: 'kd' });
const standardizedDistillation = objective({ name: 'kd', standardize: true });
const logitRegression = objective({ name: 'logits' });
const boundedRegression = (margin: number): Objective => objective({ name: 'bounded', margin });
const decoupledDistillation = (target: number, rest: number): Objective => objective({ name: 'dkd', target, rest });
const attention = objective({ name: 'attention' });
const relational = (weights: { distance: number; angle: number }): Objective => objective({ name: 'rkd', ...weights });
const probabilisticTransfer = objective({ name: 'pkt' });
const similarityPreserving = objective({ name: 'similarity' });
function hint(shapes: LayerShapes): Objective & { readonly learned: tf.layers.Layer } {
  const config = hintTerm.schema.parse({ name: 'hint' });
  return { config, shapes, learned: hintTerm.learns!({ tf, shapes, options: config }) as tf.layers.Layer };
}

function tensorOf({ config, shapes, learned }: Objective, { outputs, features, labels = [], T = 1 }: Given): tf.Tensor {
  const response = (side: 'student' | 'teacher') => ({
    outputs: outputs ? tf.tensor2d(outputs[side]) : tf.zeros<tf.Rank.R2>([1, 1]),
    feature: features?.[side],
  });
  const options = termSchema.parse(config);
  return termOf(options).loss({
    tf,
    loss: lossOf('softmaxCrossEntropy'),
    options,
    shapes,
    learned,
    student: response('student'),
    teacher: response('teacher'),
    labels: tf.tensor2d(labels, [labels.length, 1]),
    temperature: tf.scalar(T),
  }) as tf.Tensor;
}

const valueOf = (of: Objective, given: Given): number[] => [...tensorOf(of, given).dataSync()];
const close = (expected: readonly number[], digits = 4): unknown[] =>
  expected.map((value) => expect.closeTo(value, digits));

describe('outputs', () => {
  const student = draw(4, 5, 1);
  const teacher = draw(4, 5, 2);

  test('kd is T²·KL', () => {
    expect(valueOf(knowledgeDistillation, { outputs: { student, teacher }, T: 3 })).toEqual(
      close(teacher.map((t, i) => 9 * kl(softmax(t, 3), softmax(student[i]!, 3)))),
    );
  });

  test('standardised kd compares patterns: each row at mean 0 and deviation 1', () => {
    const standard = (z: number[]): number[] => {
      const centred = z.map((value) => value - mean(z));
      return centred.map((value) => value / Math.sqrt(mean(centred.map((each) => each * each))));
    };
    const expected = teacher.map((t, i) => 4 * kl(softmax(standard(t), 2), softmax(standard(student[i]!), 2)));
    expect(valueOf(standardizedDistillation, { outputs: { student, teacher }, T: 2 })).toEqual(close(expected));
    const scaled = teacher.map((t, i) => t.map((value) => (i + 2) * value - 3));
    expect(valueOf(standardizedDistillation, { outputs: { student: scaled, teacher }, T: 2 })).toEqual(
      close(teacher.map(() => 0)),
    );
  });

  test('bounded compares the means of gaussian', () => {
    const outputs = {
      student: [
        [1, 9],
        [3, 9],
      ],
      teacher: [
        [2, -9],
        [2, -9],
      ],
    };
    expect(valueOf(boundedRegression(0), { outputs, labels: [0, 0] })).toEqual(close([0, 9]));
  });

  test('logits is the mean squared difference, and what kd becomes at high temperature for logits of mean 0', () => {
    expect(valueOf(logitRegression, { outputs: { student, teacher } })).toEqual(
      close(teacher.map((t, i) => mean(minus(student[i]!, t).map((d) => d * d)))),
    );
    // Hinton et al. 2015, section 2.1: T²·KL → Σ (s − t)²/(2·classes).
    const centred = (rows: Matrix): Matrix => rows.map((row) => row.map((value) => value - mean(row)));
    const [s, t] = [centred(student), centred(teacher)];
    const high = 60;
    const hot = s.map((_, i) => high * high * kl(softmax(t[i]!, high), softmax(s[i]!, high)));
    const limit = valueOf(logitRegression, { outputs: { student: s, teacher: t } });
    hot.forEach((value, i) => expect(value / (limit[i]! / 2)).toBeCloseTo(1, 1));
  });

  const decoupled = (
    t: number[],
    s: number[],
    target: number,
    { a, b, T }: { a: number; b: number; T: number },
  ): number => {
    const [p, q] = [softmax(t, T), softmax(s, T)];
    const two = (values: number[]): number[] => [values[target]!, 1 - values[target]!];
    const others = (z: number[]): number[] =>
      softmax(
        z.filter((_, k) => k !== target),
        T,
      );
    return T * T * (a * kl(two(p), two(q)) + b * kl(others(t), others(s)));
  };

  test('dkd tells the target from the rest, and the rest among themselves', () => {
    const labels = [0, 3, 4, 1];
    const expected = teacher.map((t, i) => decoupled(t, student[i]!, labels[i]!, { a: 1, b: 8, T: 4 }));
    expect(valueOf(decoupledDistillation(1, 8), { outputs: { student, teacher }, labels, T: 4 })).toEqual(
      close(expected, 3),
    );
  });

  test('dkd with weights 1 and 1 − p_target is kd (Zhao et al. 2022, equation 4)', () => {
    const label = 2;
    for (const [i, t] of teacher.entries()) {
      const outputs = { student: [student[i]!], teacher: [t] };
      const whole = valueOf(knowledgeDistillation, { outputs, T: 2 });
      expect(valueOf(decoupledDistillation(1, 1 - softmax(t, 2)[label]!), { outputs, labels: [label], T: 2 })).toEqual(
        close(whole),
      );
    }
  });

  test('dkd takes the teacher’s choice for rows without a label, and for labels that the teacher does not know', () => {
    const choices = teacher.map((t) => t.indexOf(Math.max(...t)));
    const expected = teacher.map((t, i) => decoupled(t, student[i]!, i === 1 ? 0 : choices[i]!, { a: 1, b: 2, T: 1 }));
    const wider = student.map((row) => [...row, 7]);
    // The first row's label is a class of the student's own; the last two have none.
    expect(
      valueOf(decoupledDistillation(1, 2), { outputs: { student: wider, teacher }, labels: [5, 0], T: 1 }),
    ).toEqual(close(expected, 3));
  });

  test('bounded is the squared error of rows on which the student is not better than its teacher', () => {
    const labels = [1, 1, 1];
    const outputs = { student: [[1.5], [3], [0.5], [9]], teacher: [[1.1], [5], [0.5], [0]] };
    // Worse; better; as good: greater only with a margin; no label.
    expect(valueOf(boundedRegression(0), { outputs, labels })).toEqual(close([0.25, 0, 0, 0], 6));
    expect(valueOf(boundedRegression(0.1), { outputs, labels })).toEqual(close([0.25, 0, 0.25, 0], 6));
    expect(valueOf(boundedRegression(13), { outputs, labels })).toEqual(close([0.25, 4, 0.25, 0], 6));
  });

  test('dkd stays finite for sure teachers', () => {
    const values = valueOf(decoupledDistillation(1, 8), {
      outputs: { student: [[60, -40, 0]], teacher: [[80, 0, -20]] },
      labels: [0],
      T: 1,
    });
    expect(values.every(Number.isFinite)).toBe(true);
  });
});

const maps = (side: number, channels: number, seed: number): number[][][][] => {
  const next = randomStream(seed, side, channels);
  return Array.from({ length: 3 }, () =>
    Array.from({ length: side }, () =>
      Array.from({ length: side }, () => Array.from({ length: channels }, () => 2 * next() - 1)),
    ),
  );
};

describe('features', () => {
  test('attention: mean squared difference of channel energies of norm 1; the larger map is averaged first', () => {
    const student = maps(2, 5, 1);
    const teacher = maps(4, 3, 2);
    const pooled = teacher.map((map) =>
      [0, 1].map((y) =>
        [0, 1].map((x) =>
          [0, 1, 2].map((c) => mean([0, 1].flatMap((dy) => [0, 1].map((dx) => map[2 * y + dy]![2 * x + dx]![c]!)))),
        ),
      ),
    );
    const attend = (map: number[][][]): number[] => {
      const energy = map.flat().map((channels) => mean(channels.map((value) => value * value)));
      return energy.map((value) => value / norm(energy));
    };
    const expected = student.map((map, i) => mean(minus(attend(map), attend(pooled[i]!)).map((d) => d * d)));
    expect(valueOf(attention, { features: { student: tf.tensor4d(student), teacher: tf.tensor4d(teacher) } })).toEqual(
      close(expected, 6),
    );
    const [apart] = valueOf(attention, {
      features: { student: tf.zeros([1, 2, 2, 3]), teacher: tf.ones([1, 2, 2, 1]) },
    });
    expect(apart).toBeCloseTo(0.25, 6);
  });

  test('hint: mean squared difference after a learned linear map', () => {
    const learning = hint({ student: [4], teacher: [3] });
    const [kernel, bias] = learning.learned.trainableWeights.map((weight) => weight.read().arraySync()) as [
      Matrix,
      number[],
    ];
    const [student, teacher] = [draw(5, 4, 1), draw(5, 3, 2)];
    const mapped = student.map((row) =>
      bias.map(
        (b, k) =>
          b +
          dot(
            row,
            kernel.map((weights) => weights[k]!),
          ),
      ),
    );
    const expected = mapped.map((row, i) => mean(minus(row, teacher[i]!).map((d) => d * d)));
    expect(valueOf(learning, { features: { student: tf.tensor2d(student), teacher: tf.tensor2d(teacher) } })).toEqual(
      close(expected),
    );
  });

  test('hint between maps: a 1×1 convolution; between a map and a vector: a dense layer', () => {
    const between = (student: number[], teacher: number[]): number[][] =>
      hint({ student, teacher }).learned.trainableWeights.map((weight) => weight.shape as number[]);
    expect(between([4, 4, 2], [4, 4, 5])).toEqual([[1, 1, 2, 5], [5]]);
    expect(between([8, 8, 2], [4, 4, 5])).toEqual([[1, 1, 2, 5], [5]]);
    expect(between([4, 4, 2], [6])).toEqual([[32, 6], [6]]);
    expect(between([4, 4, 2], [3, 3, 2])).toEqual([[32, 18], [18]]);
    const [value] = valueOf(hint({ student: [4, 4, 2], teacher: [2, 2, 3] }), {
      features: { student: tf.zeros([1, 4, 4, 2]), teacher: tf.fill([1, 2, 2, 3], 2) },
    });
    expect(value).toBeCloseTo(4, 5);
  });
});

describe('relations', () => {
  const student = draw(5, 3, 1);
  const teacher = draw(5, 7, 2);
  const features = { student: tf.tensor2d(student), teacher: tf.tensor2d(teacher) };
  const all = [0, 1, 2, 3, 4];

  const distances = (f: Matrix): Matrix => {
    const raw = all.map((i) => all.map((j) => norm(minus(f[i]!, f[j]!))));
    const positive = raw.flat().filter((d) => d > 0);
    return raw.map((row) => row.map((d) => d / mean(positive)));
  };

  test('rkd, distances', () => {
    const [s, t] = [distances(student), distances(teacher)];
    const expected = 25 * mean(all.flatMap((i) => all.map((j) => huber(s[i]![j]! - t[i]![j]!))));
    expect(valueOf(relational({ distance: 25, angle: 0 }), { features })).toEqual(close([expected]));
  });

  test('rkd, angles', () => {
    const unit = (a: number[]): number[] => (norm(a) > 0 ? a.map((value) => value / norm(a)) : a);
    const cosine = (f: Matrix, i: number, j: number, k: number): number =>
      dot(unit(minus(f[i]!, f[j]!)), unit(minus(f[k]!, f[j]!)));
    const expected =
      50 *
      mean(
        all.flatMap((i) =>
          all.flatMap((j) => all.map((k) => huber(cosine(student, i, j, k) - cosine(teacher, i, j, k)))),
        ),
      );
    expect(valueOf(relational({ distance: 0, angle: 50 }), { features })).toEqual(close([expected]));
  });

  test('pkt', () => {
    const affinities = (f: Matrix): Matrix =>
      all.map((i) => {
        const row = all.map((j) => (dot(f[i]!, f[j]!) / (norm(f[i]!) * norm(f[j]!)) + 1) / 2);
        return row.map((value) => value / sum(row));
      });
    const [s, t] = [affinities(student), affinities(teacher)];
    const expected = mean(
      all.flatMap((i) => all.map((j) => (t[i]![j] === 0 ? 0 : t[i]![j]! * Math.log(t[i]![j]! / s[i]![j]!)))),
    );
    expect(valueOf(probabilisticTransfer, { features })).toEqual(close([expected], 6));
  });

  test('similarity', () => {
    const similarities = (f: Matrix): Matrix =>
      all.map((i) => {
        const row = all.map((j) => dot(f[i]!, f[j]!));
        return row.map((value) => value / norm(row));
      });
    const [s, t] = [similarities(student), similarities(teacher)];
    const expected = sum(all.flatMap((i) => all.map((j) => (t[i]![j]! - s[i]![j]!) ** 2))) / 25;
    expect(valueOf(similarityPreserving, { features })).toEqual(close([expected], 6));
  });

  const relations = {
    rkd: relational({ distance: 25, angle: 50 }),
    pkt: probabilisticTransfer,
    similarity: similarityPreserving,
  };

  test.each(Object.entries(relations))(
    '%s is 0 between equal relations, and does not care for scale',
    (_name, each) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.1, max: 10, noNaN: true }), (seed, scale) => {
          const f = draw(4, 3, seed);
          const [value] = valueOf(each, {
            features: {
              student: tf.tensor2d(f.map((row) => row.map((each) => scale * each))),
              teacher: tf.tensor2d(f),
            },
          });
          expect(Math.abs(value!)).toBeLessThan(1e-4);
        }),
        { numRuns: 20 },
      );
    },
  );

  test.each(Object.entries(relations))(
    '%s has a finite gradient if rows are equal, or a layer says nothing',
    (_name, each) => {
      for (const f of [
        [
          [1, 2],
          [1, 2],
          [0, 1],
        ],
        [
          [0, 0],
          [0, 0],
          [0, 0],
        ],
      ]) {
        const gradient = tf.grad((student) =>
          tensorOf(each, { features: { student, teacher: tf.tensor2d(draw(3, 4, 1)) }, labels: [0] }),
        )(tf.tensor2d(f));
        expect([...gradient.dataSync()].every(Number.isFinite)).toBe(true);
      }
    },
  );
});
