// The page of a report: what it shows, and that nothing from recipe, data or workers becomes markup.
import { expect, test } from 'vitest';
import { parseRecipe, type FittedColumn, type RunRecord } from '@stillhouse/core';
import type { LossName } from '@stillhouse/core/training';
import type { EvaluatedModel, EvaluatedRun } from './evaluate-run.js';
import { reportHtml } from './html.js';
import { readableInputs } from './inputs.js';

const hostile = `"><script>alert('x')</script><img src=x onerror=alert(1)>`;
const number: FittedColumn = {
  name: hostile,
  type: 'number',
  transform: 'log',
  shift: 1,
  scale: 2,
  fill: 0,
  indicator: true,
  missing: 'mean',
  dtype: 'F32',
};
const kind: FittedColumn = {
  name: 'kind',
  type: 'category',
  encode: 'oneHot',
  categories: ['a', hostile],
  dtype: 'U8',
};

const recipeOf = (loss: LossName, outputs = loss === 'softmaxCrossEntropy' ? 2 : 1): ReturnType<typeof parseRecipe> => {
  const csv = { csv: `${hostile}.csv` };
  const model = { layers: [{ dense: outputs }] };
  const table = { target: outputs === 3 ? [hostile, 'wet', 'cold'] : hostile };
  return parseRecipe({
    loss,
    data: { large: csv, small: csv, test: csv, table },
    teacher: { model },
    student: { model },
  });
};

function recordOf(recipe: ReturnType<typeof parseRecipe>): RunRecord {
  const epochs = [1, 0.5].map((trainLoss, epoch) => ({
    epoch,
    rows: 2,
    rowsDigest: '',
    trainLoss,
    learningRate: 1,
    seconds: 1,
  }));
  const phase = (name: 'teacher' | 'student' | 'baseline'): NonNullable<RunRecord['teacher']> => ({
    phase: name,
    workers: 1,
    steps: 2,
    samples: 4,
    seconds: 1,
    samplesPerSecond: 4,
    dataWait: { msPerStep: 0, share: 0 },
    stopped: 'all epochs done',
    expectedRowsDigest: '',
    epochs,
    test: { loss: 1, rows: 2, rmse: 0.5, r2: 0.1, mae: 0.4, accuracy: 0.5, errors: 1 },
    parameters: 3,
    bytes: 12,
    weightsSha256: 'abc',
  });
  return {
    runId: hostile,
    name: hostile,
    status: 'done',
    startedAt: hostile,
    recipe,
    recipeFolder: hostile,
    recipeSha256: '',
    seed: 0,
    versions: { stillhouse: hostile, node: hostile, protocol: 1 },
    dataset: { rows: { [hostile]: 2 }, sha256: '' },
    assetsSha256: '',
    workers: [{ workerId: hostile, host: hostile, fingerprint: hostile, ranks: { lo: 0, hi: 2 }, left: hostile }],
    membershipChanges: 1,
    incidents: [{ at: hostile, workerId: hostile, what: hostile }],
    teacher: phase('teacher'),
    student: phase('student'),
    baseline: phase('baseline'),
  };
}

function evaluatedOf(isClasses: boolean): EvaluatedRun {
  const outputCount = isClasses ? 2 : 1;
  const model = (name: EvaluatedModel['name'], outputs: number[]): EvaluatedModel => ({
    name,
    metrics: { loss: 1, rows: 2 },
    interval: [0.2, 0.9],
    rowMs: 1,
    batchedRowMs: 1,
    outputs: Float32Array.from(outputs),
    outputCount,
  });
  return {
    labels: Float32Array.of(0, 1),
    cellsOf: async (row) => [[row], [row]],
    rows: 2,
    dataset: {
      inputShape: [4],
      columns: [number, kind],
      outputs: outputCount,
      classes: isClasses ? ['no', hostile] : null,
      labelCount: 1,
      targets: isClasses ? [] : [{ mean: 100, deviation: 10 }],
      sets: {},
    },
    models: isClasses
      ? [model('teacher', [3, 0, 0, 3]), model('student', [0, 3, 0, 3])]
      : [model('teacher', [0, 1]), model('student', [0.5, 0.5])],
  };
}

test.each(['mse', 'softmaxCrossEntropy'] as const)('%s: no name becomes markup', async (loss) => {
  const recipe = recipeOf(loss);
  const evaluated = evaluatedOf(loss !== 'mse');
  for (const tested of [
    { evaluated, missing: undefined, backend: 'wasm', warnings: [hostile] },
    { evaluated: undefined, missing: hostile, backend: undefined, warnings: [] },
  ]) {
    const html = await reportHtml({ record: recordOf(recipe), recipe, ...tested });
    expect(html).not.toMatch(/<script|<img src=x|"">|data-of="[^"]*<|undefined|NaN/);
    expect(html).toContain('&lt;script&gt;');
  }
});

test('a value has its interval next to it; losses of different kinds have charts of their own', async () => {
  const recipe = { ...recipeOf('mse'), name: 'plain' };
  const html = await reportHtml({
    record: recordOf(recipe),
    recipe,
    evaluated: evaluatedOf(false),
    missing: undefined,
    backend: 'wasm',
    warnings: ['sales.csv has changed'],
  });
  expect(html).toContain('<p class="note">sales.csv has changed</p>');
  expect(html).toContain('0.5000 <small>0.2000 – 0.9000</small>');
  expect(html).toContain('test rmse (95 % interval)');
  const curves = /<h2>Learning curves<\/h2>.*?<h2>/s.exec(html)![0];
  expect(curves.match(/aria-label="training loss over epoch"/g)).toHaveLength(1);
  expect(curves.match(/aria-label="loss of labels and teacher over epoch"/g)).toHaveLength(1);
  expect(html.match(/<circle/g)).toHaveLength(2 * 2 * 2);
  // The labels 0 and 1 are 100 and 110 in the target's own units.
  expect(html).toContain('>actual − predicted</text>');
});

test('of classes the interval is that of the accuracy', async () => {
  const recipe = recipeOf('softmaxCrossEntropy');
  const tested = { evaluated: evaluatedOf(true), missing: undefined, backend: 'wasm', warnings: [] };
  const html = await reportHtml({ record: recordOf(recipe), recipe, ...tested });
  expect(html).toContain('50.00 % <small>10.00 % – 80.00 %</small>');
});

const sectionOf = (html: string, title: string): string => html.split(`<h2>${title}</h2>`)[1].split('<h2>')[0];

/** The page for a run whose models have these outputs. */
async function pageOf(
  loss: LossName,
  {
    labels,
    teacher,
    student,
    ...dataset
  }: Pick<EvaluatedRun['dataset'], 'classes' | 'labelCount'> & Record<'labels' | 'teacher' | 'student', number[]>,
): Promise<string> {
  const [{ outputs: _, ...like }] = evaluatedOf(false).models;
  const { labelCount } = dataset;
  const evaluated: EvaluatedRun = {
    ...evaluatedOf(false),
    labels: Float32Array.from(labels),
    rows: labels.length / labelCount,
    dataset: { ...evaluatedOf(false).dataset, targets: [], ...dataset, outputs: labelCount },
    models: Object.entries({ teacher, student }).map(([name, outputs]) => ({
      ...like,
      name: name as 'teacher' | 'student',
      outputs: Float32Array.from(outputs),
      outputCount: labelCount,
    })),
  };
  const recipe = recipeOf(loss, labelCount);
  return reportHtml({ record: recordOf(recipe), recipe, evaluated, missing: undefined, backend: 'wasm', warnings: [] });
}

test('one yes or no is shown like two classes, and ranked by probability, not by logit', async () => {
  const logit = (p: number): number => Math.log(p / (1 - p));
  const html = await pageOf('binaryCrossEntropy', {
    labels: [1, 0, 1, 0],
    classes: ['no', 'yes'],
    labelCount: 1,
    // Both are sure of the first row, whose logits differ most.
    teacher: [60, logit(0.2), logit(0.9), logit(0.1)],
    student: [20, logit(0.6), logit(0.3), logit(0.1)],
  });
  const differing = sectionOf(html, 'Where teacher and student differ');
  expect(differing).toContain('They choose different classes on 2 of 4 test rows');
  const rows = [...differing.matchAll(/data-of="(?:test row|label|teacher|student)"><span>(.*?)</g)];
  expect(rows.map(([, text]) => text.replaceAll('\u00a0', ' '))).toEqual([
    '3',
    'yes',
    'yes (90.00 %)',
    'no (70.00 %)',
    '2',
    'no',
    'no (80.00 %)',
    'yes (60.00 %)',
  ]);
  const [, teacher, student] = sectionOf(html, 'Confusion').split('<h3>');
  const counts = (matrix: string): string[] => [...matrix.matchAll(/font-size="10">(\d*)</g)].map(([, text]) => text);
  // [label][prediction]: no as no, no as yes, yes as no, yes as yes.
  expect([counts(teacher), counts(student)]).toEqual([
    ['2', '', '', '2'],
    ['1', '1', '1', '1'],
  ]);
  expect(sectionOf(html, 'Calibration')).toContain('aria-label="accuracy over confidence"');
});

test('several independent labels have a matrix each, with their names', async () => {
  const html = await pageOf('binaryCrossEntropy', {
    labels: [1, 0, 1, 0, 0, 1],
    classes: null,
    labelCount: 3,
    teacher: [2, -2, 2, -2, -2, 2],
    student: [2, 2, 2, -2, -2, 2],
  });
  const confusion = sectionOf(html, 'Confusion');
  expect([...confusion.matchAll(/<h4>(.*?)<\/h4>/g)].map(([, name]) => name).slice(1, 3)).toEqual(['wet', 'cold']);
  expect(confusion.match(/<svg/g)).toHaveLength(6);
  expect(sectionOf(html, 'Where teacher and student differ')).toContain('classes on 1 of 2 test rows');
});

test('several targets have metrics each', async () => {
  const recipe = recipeOf('mse', 3);
  const record = recordOf(recipe);
  const test = { ...record.student!.test, rmse_wet: 1234, rmse_cold: 0.25, [`rmse_${hostile}`]: 2 };
  const student = { ...record.student!, test };
  const html = await reportHtml({
    record: { ...record, student },
    recipe: { ...recipe, metrics: ['rmse'] },
    evaluated: undefined,
    missing: 'gone',
    backend: undefined,
    warnings: [],
  });
  const result = sectionOf(html, 'Result');
  expect(result).toMatch(/>wet<.*>student \(distilled\)<.*>1,234<.*>cold<.*>0\.2500</);
  expect(result).toContain('rmse is the root');
  expect(html).not.toContain('<script');
});

test('an output that is not finite is a difference', async () => {
  const html = await pageOf('mse', {
    labels: [1, 2],
    classes: null,
    labelCount: 1,
    teacher: [1, NaN],
    student: [1, 2],
  });
  expect(sectionOf(html, 'Where teacher and student differ')).toMatch(/>2<.*not finite/);
});

test('cells of a row, as its table has them', () => {
  const index: FittedColumn = { name: 'i', type: 'category', encode: 'index', categories: ['x'], dtype: 'U8' };
  const hash: FittedColumn = { name: 'h', type: 'category', encode: 'hash', buckets: 3, dtype: 'U8' };
  const few: FittedColumn = { name: 'x', type: 'tensor', size: 2, factors: [0.5], offsets: [1], dtype: 'U8' };
  const columns = [number, { ...number, name: 'b', indicator: false }, { ...number, dtype: 'F64' as const }];
  const cells = [Float32Array.of(53_566.69), Float32Array.of(NaN), Float64Array.of(1_700_000_123)];
  expect(readableInputs(columns, cells).map(([, value]) => value)).toEqual(['53566.69', 'missing', '1700000123']);
  expect(
    readableInputs([kind, kind, index, hash, few], [[0], [1], [1], [2], [2, 0]]).map(([, value]) => value),
  ).toEqual(['missing or unknown', 'a', 'x', 'bucket 2', '2, 0']);
  expect(readableInputs([{ ...few, size: 784 }], [new Float32Array(784)])).toEqual([]);
});

test('dates and times of a row are written as such, also if their seconds were rounded to fp32', () => {
  const date: FittedColumn = { ...number, notation: 'timestamp' };
  const exact: FittedColumn = { ...date, dtype: 'F64' };
  const time: FittedColumn = { ...number, notation: 'time' };
  const noon = 1_276_473_600 + 43_200;
  const cells = [[1_276_473_600], [Math.fround(noon + 900)], [noon + 1], [30_600], [NaN]];
  expect(readableInputs([date, date, exact, time, date], cells).map(([, value]) => value)).toEqual([
    '2010-06-14',
    '2010-06-14 12:15',
    '2010-06-14 12:00:01',
    '08:30',
    'missing',
  ]);
});
