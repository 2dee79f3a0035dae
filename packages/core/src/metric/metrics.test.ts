import { describe, expect, test } from 'vitest';
import { openModules } from '../recipe/open-modules.js';
import { parseRecipe, refuseRecipe } from '../recipe/parse.js';
import { builtInMetric, metricNames } from './built-in.js';
import { defineMetric } from './define-metric.js';
import { finishMetrics, measuresOf, metricModules, smallerIsBetter, totalMetrics } from './metrics.js';
import { addRows, emptySums } from './sums.js';
import { lossOf, type LossName } from '../loss/losses.js';

function metricsOfRows(
  name: LossName,
  outputCount: number,
  rows: { outputs: number[]; labels: number[] }[],
): ReturnType<typeof finishMetrics> {
  const loss = lossOf(name);
  const sums = emptySums({ loss }, outputCount);
  for (const { outputs, labels } of rows)
    addRows(
      sums,
      { loss },
      {
        rows: 1,
        outputs: Float32Array.from(outputs),
        outputCount,
        labels: Float32Array.from(labels),
      },
    );
  return finishMetrics({ loss }, sums);
}

test('regression metrics, by hand', () => {
  const metrics = metricsOfRows('mse', 1, [
    { outputs: [1], labels: [0] },
    { outputs: [2], labels: [4] },
  ]);
  // Errors 1 and −2; mean label 2, total sum of squares 8.
  expect(metrics).toEqual({ loss: 2.5, rows: 2, rmse: Math.sqrt(2.5), mae: 1.5, r2: 1 - 5 / 8 });
  expect(
    metricsOfRows('mae', 1, [
      { outputs: [1], labels: [0] },
      { outputs: [2], labels: [4] },
    ]).loss,
  ).toBe(1.5);
  expect(
    metricsOfRows('huber', 1, [
      { outputs: [0.5], labels: [0] },
      { outputs: [2], labels: [4] },
    ]).loss,
  ).toBe((0.125 + 1.5) / 2);
});

test('regression metrics of several outputs are means over them, in the targets’ own units', () => {
  const rows = [
    { outputs: [1, 0], labels: [0, 1] },
    { outputs: [2, 2], labels: [4, 2] },
  ];
  const sums = emptySums({ loss: lossOf('mse') }, 2);
  for (const { outputs, labels } of rows)
    addRows(
      sums,
      { loss: lossOf('mse') },
      {
        rows: 1,
        outputs: Float32Array.from(outputs),
        outputCount: 2,
        labels: Float32Array.from(labels),
      },
    );
  const metrics = finishMetrics({ loss: lossOf('mse') }, sums, [
    { mean: 5, deviation: 10 },
    { mean: 0, deviation: 1 },
  ]);
  // Squared errors 5 and 1, absolute errors 3 and 1; sums of squares around the mean 8 and 1/2.
  expect(metrics).toMatchObject({
    rmse: Math.sqrt((100 * 5 + 1) / 4),
    mae: (10 * 3 + 1) / 4,
    r2: (1 - 5 / 8 + (1 - 1 / 0.5)) / 2,
    loss: 1.5,
  });
});

test('several targets have metrics each, by name, or else by number', () => {
  const measures = { loss: lossOf('mse') };
  const sums = emptySums(measures, 2);
  const batch = { outputs: Float32Array.of(1, 0, 2, 2), outputCount: 2, labels: Float32Array.of(0, 1, 4, 2) };
  addRows(sums, measures, { rows: 2, ...batch });
  const scales = [
    { mean: 5, deviation: 1e9 },
    { mean: 0, deviation: 1e-4 },
  ];
  const own = {
    rmse_price: 1e9 * Math.sqrt(2.5),
    mae_price: 1.5e9,
    r2_price: 1 - 5 / 8,
    rmse_2: expect.closeTo(1e-4 * Math.sqrt(0.5), 12),
    mae_2: 0.5e-4,
    r2_2: -1,
  };
  const metrics = finishMetrics({ ...measures, targetNames: ['price', 'two\nlines'] }, sums, scales);
  expect(metrics).toMatchObject(own);
  expect(finishMetrics(measures, sums, scales)).toMatchObject({ r2_1: own.r2_price, r2_2: own.r2_2 });
  const one = finishMetrics({ ...measures, targetNames: ['price'] }, emptySums(measures, 1));
  expect(Object.keys(one)).toEqual(['loss', 'rows', 'rmse', 'mae', 'r2']);
  const recipe = { loss: 'mse', data: { table: { target: ['a', 'b'] } } } as const;
  expect(measuresOf(recipe).targetNames).toEqual(['a', 'b']);
});

test('regression metrics of transformed targets are those of the undone predictions', () => {
  const measures = { loss: lossOf('mse') };
  const targets = [
    { mean: 10, deviation: 2, transform: 'log' },
    { mean: 0, deviation: 10 },
  ] as const;
  const sums = emptySums(measures, 2);
  const [outputs, labels] = [Float32Array.of(0, 1, 1, 2), Float32Array.of(0.5, 0, -1, 4)];
  addRows(sums, measures, { rows: 2, outputs, outputCount: 2, labels, targets });
  const { loss, rmse, mae, r2 } = finishMetrics(measures, sums, targets);
  const own = (z: number): number => Math.exp(10 + 2 * z);
  const errors = [own(0) - own(0.5), own(1) - own(-1)] as const;
  const squares = errors[0] ** 2 + errors[1] ** 2;
  // The second target has errors 10 and −20; labels differ by 40, so their squares around the mean sum to 800.
  expect(loss).toBeCloseTo((0.25 + 4 + (1 + 4)) / 4, 12);
  expect(rmse).toBeCloseTo(Math.sqrt((squares + 500) / 4), 6);
  expect(mae).toBeCloseTo((Math.abs(errors[0]) + Math.abs(errors[1]) + 30) / 4, 6);
  expect(r2).toBeCloseTo((1 - squares / ((own(0.5) - own(-1)) ** 2 / 2) + 1 - 500 / 800) / 2, 9);
});

test('softmax cross-entropy, accuracy and errors; huge logits do not overflow', () => {
  const metrics = metricsOfRows('softmaxCrossEntropy', 3, [
    { outputs: [1, 2, 3], labels: [2] },
    { outputs: [5, 0, 0], labels: [1] },
  ]);
  const row = (z: number[], k: number): number => Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0)) - z[k]!;
  expect(metrics.loss).toBeCloseTo((row([1, 2, 3], 2) + row([5, 0, 0], 1)) / 2, 12);
  expect(metrics).toMatchObject({ accuracy: 0.5, errors: 1 });
  expect(metricsOfRows('softmaxCrossEntropy', 2, [{ outputs: [1e6, 0], labels: [0] }]).loss).toBe(0);
});

test('binary cross-entropy counts a row as right when all its outputs are', () => {
  const metrics = metricsOfRows('binaryCrossEntropy', 2, [
    { outputs: [2, -3], labels: [1, 0] },
    { outputs: [2, 3], labels: [1, 0] },
  ]);
  const one = (z: number, y: number): number =>
    -(y * Math.log(1 / (1 + Math.exp(-z))) + (1 - y) * Math.log(1 - 1 / (1 + Math.exp(-z))));
  expect(metrics.loss).toBeCloseTo((one(2, 1) + one(-3, 0) + one(2, 1) + one(3, 0)) / 4, 6);
  expect(metrics).toMatchObject({ accuracy: 0.5, errors: 1 });
});

test('precision, recall and F1 of the second of two classes, and of a yes or no', () => {
  // Predicted 1, 1, 0, 0, 1: one of the two rows of class 1 is found, by one of three predictions.
  const logits = [1, 2, -1, -2, 3];
  const labels = [1, 0, 1, 0, 0];
  const expected = { precision: 1 / 3, recall: 1 / 2, f1: 0.4 };
  const rowsOf = (outputsOf: (z: number) => number[]): { outputs: number[]; labels: number[] }[] =>
    logits.map((z, i) => ({ outputs: outputsOf(z), labels: [labels[i]!] }));
  expect(
    metricsOfRows(
      'binaryCrossEntropy',
      1,
      rowsOf((z) => [z]),
    ),
  ).toMatchObject(expected);
  expect(
    metricsOfRows(
      'softmaxCrossEntropy',
      2,
      rowsOf((z) => [0, z]),
    ),
  ).toMatchObject(expected);
});

test('precision, recall and F1 of several classes or labels are means over those that occur', () => {
  const of = (outputs: number[], ...labels: number[]): { outputs: number[]; labels: number[] } => ({ outputs, labels });
  // Labels 0, 0, 1, 1; predicted 0, 1, 1, 2; the class 3 does not occur.
  const rows = [of([1, 0, 0, 0], 0), of([0, 1, 0, 0], 0), of([0, 1, 0, 0], 1), of([0, 0, 1, 0], 1)];
  const { precision, recall, f1 } = metricsOfRows('softmaxCrossEntropy', 4, rows);
  expect(precision).toBeCloseTo((1 + 1 / 2 + 0) / 3, 12);
  expect(recall).toBeCloseTo((1 / 2 + 1 / 2 + 0) / 3, 12);
  expect(f1).toBeCloseTo((2 / 3 + 1 / 2 + 0) / 3, 12);
  const binary = metricsOfRows('binaryCrossEntropy', 2, [of([1, 1], 1, 0), of([-1, 1], 1, 1)]);
  expect(binary).toMatchObject({ precision: (1 + 1 / 2) / 2, recall: (1 / 2 + 1) / 2, f1: 2 / 3 });
});

test('a built-in metric has the name by which it is found', () => {
  for (const name of metricNames) expect(builtInMetric(name)!.name).toBe(name);
});

test('sums of parts add up to the sums of the whole', () => {
  const rows = Array.from({ length: 10 }, (_, i) => ({ outputs: [i / 7, i], labels: [i / 5, 1] }));
  const whole = metricsOfRows('mse', 2, rows);
  const sums = [rows.slice(0, 3), rows.slice(3)].map((part) => {
    const total = emptySums({ loss: lossOf('mse') }, 2);
    for (const { outputs, labels } of part)
      addRows(
        total,
        { loss: lossOf('mse') },
        {
          rows: 1,
          outputs: Float32Array.from(outputs),
          outputCount: 2,
          labels: Float32Array.from(labels),
        },
      );
    return total;
  });
  expect(
    finishMetrics(
      { loss: lossOf('mse') },
      sums[0]!.map((value, i) => value + sums[1]![i]!),
    ).r2,
  ).toBeCloseTo(whole.r2!, 12);
});

describe('metrics of modules', () => {
  const furthest = defineMetric({
    name: 'furthest',
    smallerIsBetter: true,
    row: ({ outputs, labels }) => Math.abs(outputs[0]! - labels[0]!),
    finish: (sum, rows) => Math.sqrt(sum / rows),
  });
  const counted = defineMetric({ name: 'counted', smallerIsBetter: false, row: () => 2 });
  const loss = lossOf('mse');

  test('are summed after the others, which stay as they are', () => {
    const batch = {
      rows: 2,
      outputs: Float32Array.of(1, 2),
      outputCount: 1,
      labels: Float32Array.of(0, 5),
    };
    const [plain, all] = [{ loss }, { loss, metrics: [furthest, counted] }];
    const [sums, more] = [emptySums(plain, 1), emptySums(all, 1)];
    addRows(sums, plain, batch);
    addRows(more, all, batch);
    expect([...more]).toEqual([...sums, 4, 4]);
    expect(finishMetrics(all, more)).toEqual({ ...finishMetrics(plain, sums), furthest: Math.sqrt(2), counted: 2 });
    expect(Object.keys(finishMetrics(plain, sums))).toEqual(['loss', 'rows', 'rmse', 'mae', 'r2']);
    expect(totalMetrics(all, [more, more], [])).toMatchObject({ rows: 4, furthest: Math.sqrt(2), counted: 2 });
  });

  test('say themselves which values are better', () => {
    expect(smallerIsBetter('furthest', [furthest, counted])).toBe(true);
    expect(smallerIsBetter('counted', [furthest, counted])).toBe(false);
    expect(smallerIsBetter('r2')).toBe(false);
  });

  test.each([
    [{ name: 'two words' }, 'a metric needs a name of one word'],
    [{ name: 'x' }, 'smallerIsBetter is neither true nor false'],
    [{ name: 'x', smallerIsBetter: true }, 'row is not a function'],
    [{ name: 'x', smallerIsBetter: true, row: () => 1, finish: 1 }, 'finish is not a function'],
  ])('are refused if they are incomplete: %o', (definition, why) => {
    expect(() => defineMetric(definition as never)).toThrow(why);
  });

  test('of a module have a sum of their own', async () => {
    const source = "export default () => ({ name: 'x', smallerIsBetter: true, format: 'number', finish: () => 1 })";
    const config = { module: 'x.mjs', export: 'default', options: {}, source };
    await expect(metricModules.open(config)).rejects.toThrow('row is not a function');
  });

  test.each(['r2', 'rows', 'twice'])('may not take the name %s, which another one has', async (name) => {
    const source = `export default () => ({ name: '${name}', smallerIsBetter: true, row: () => 1 })`;
    const recipe = parseRecipe({
      data: { large: { generator: 'friedman1', rows: 9 }, split: { test: 0.5 } },
      loss: 'mse',
      metrics: ['mae', ...['a.mjs', 'b.mjs'].map((module) => ({ module, source }))],
      teacher: { model: { layers: [{ dense: 1 }] } },
    });
    await openModules(recipe);
    expect(() => refuseRecipe(recipe)).toThrow(`defines ${name}, but another metric already has that name`);
  });
});
