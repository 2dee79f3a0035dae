// Reports of real runs: whole without a network, honest without the data, and runs side by side.
import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecipeInput } from '@stillhouse/core';
import { compress } from 'stillhouse';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const classes = (csv: string, tested: string): RecipeInput => ({
  name: 'classes',
  seed: 1,
  ranks: 2,
  loss: 'softmaxCrossEntropy',
  data: { large: { csv }, small: { csv, perClass: 10 }, test: { csv: tested }, table: { target: 'label' } },
  teacher: { model: { layers: [{ dense: 8, activation: 'relu' }, { dense: 3 }] }, epochs: 3, validation: 0.2 },
  student: { model: { layers: [{ dense: 3 }] }, epochs: 3, batch: 10 },
  distill: { alpha: 1, beta: 0.5, calibrate: true, tune: { search: { name: 'grid', points: 2 }, folds: 2 } },
});
const csv = scratch.path('rows.csv');
writeFileSync(
  csv,
  [
    'a,b,label',
    ...Array.from({ length: 90 }, (_, i) => `${(i % 7) / 7},${(i % 11) / 11},${['no', 'yes', 'maybe'][i % 3]}`),
  ].join('\n'),
);

const tested = scratch.path('tested.csv');
copyFileSync(csv, tested);

let tabular: string;
let classified: string;
beforeAll(async () => {
  ({ folder: tabular } = await scratch.train(smallRecipe()));
  ({ folder: classified } = await scratch.train(classes(csv, tested)));
});

const reportOf = async (folder: string): Promise<{ html: string; stderr: string }> => {
  const { code, stderr } = await scratch.run(['report', folder]);
  expect(code, stderr).toBe(0);
  return { html: readFileSync(join(folder, 'report.html'), 'utf8'), stderr };
};
const sectionsOf = (html: string): string[] => [...html.matchAll(/<h2>([^<]+)<\/h2>/g)].map(([, title]) => title);

test('a report of classes has everything, and fetches nothing', async () => {
  const { html } = await reportOf(classified);
  expect(sectionsOf(html)).toEqual([
    'Result',
    'Data',
    'Learning curves',
    'Tuning',
    'Confusion',
    'Calibration',
    'Where teacher and student differ',
    'Engine and workers',
    'How to reproduce it',
  ]);
  expect(html).toContain('<h1>classes, seed 1</h1>');
  expect(html.match(/(src|href)="(?!data:)/g)).toBeNull();
  expect(html).not.toMatch(/<script|@import|NaN|undefined/);
  const record = scratch.readRecord(classified);
  for (const phase of ['teacher', 'student', 'baseline'] as const) expect(html).toContain(record[phase]!.weightsSha256);
  // What it computes from the files is what the run measured.
  const accuracy = (100 * (record.student!.test['accuracy'] as number)).toFixed(2);
  expect(html).toContain(`${accuracy} %`);
});

test('a report of regression tells rmse with its interval', async () => {
  const { html } = await reportOf(tabular);
  expect(sectionsOf(html)).toEqual([
    'Result',
    'Data',
    'Learning curves',
    'Predicted against actual',
    'Where teacher and student differ',
    'Engine and workers',
    'How to reproduce it',
  ]);
  expect(html).toContain('test rmse (95 % interval)');
});

test('runs side by side: results, and where their recipes differ', async () => {
  const { folder: other } = await scratch.train(smallRecipe({ seed: 4 }));
  const { stdout, code } = await scratch.run(['compare', tabular, other]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/student \(distilled\): test r2 +-?\d\S* +-?\d\S*/);
  expect(stdout).toMatch(/seed +3 +4/);
  expect(stdout).not.toContain('teacher.epochs');
  expect((await scratch.run(['compare', scratch.path('nowhere')])).stderr).toContain('RUN_NOT_FOUND');
});

test('models in fewer bits: files that open, their errors, and the front of those that none beats', async () => {
  const pruned = await scratch.train(
    smallRecipe({
      name: 'pruned',
      student: {
        model: { layers: [{ dense: 8, activation: 'relu' }, { dense: 1 }] },
        epochs: 6,
        prune: { sparsity: 0.75, to: 4 },
      },
      distill: { alpha: 1 },
    }),
  );
  const out = scratch.out();
  const { code, stdout, stderr } = await scratch.run(['compress', tabular, pruned.folder, '--out', out]);
  expect(code, stderr).toBe(0);
  for (const format of ['fp32', 'fp16', 'uint8'])
    expect(stdout).toMatch(new RegExp(`${basename(pruned.folder)} student +${format} +[\\d,]+ +[\\d,]+ +[\\d.]+ %`));
  const models = JSON.parse(readFileSync(join(out, 'compress.json'), 'utf8')) as {
    from: string;
    format: string;
    folder: string;
    bytes: number;
    sparsity: number;
    error: number;
    isFront: boolean;
    rowMs: { wasm: number };
  }[];
  const [full, half, byte] = models.filter(({ from }) => from === `${basename(pruned.folder)} student`);
  // 80 + 8 weights in matrices, 8 + 1 biases.
  expect([full.bytes, half.bytes, byte.bytes]).toEqual([4 * 97, 2 * 88 + 4 * 9, 88 + 4 * 9]);
  expect(full.sparsity).toBeGreaterThanOrEqual(66 / 97);
  expect(full.error).toBeCloseTo(scratch.readRecord(pruned.folder).student!.test['rmse'] as number, 4);
  expect(byte.error).toBeCloseTo(full.error, 1);
  expect(models.some(({ isFront }) => isFront)).toBe(true);
  for (const { rowMs } of models) expect(rowMs.wasm).toBeGreaterThan(0);
  expect(readFileSync(join(out, 'pareto.svg'), 'utf8')).not.toMatch(/NaN|undefined/);
  expect(readFileSync(join(out, 'table.md'), 'utf8').split('\n')).toHaveLength(2 + 6 + 1);
  const refused = await scratch.run(['compress', tabular, classified]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('the runs were tested on different rows') });

  // Whole numbers are missing, then parts of a number, then everything.
  const weights = join(pruned.folder, 'student/weights.bin');
  const none = scratch.out();
  for (const bytes of [4 * 90, 4 * 90 - 1, 0]) {
    truncateSync(weights, bytes);
    await expect(compress([pruned.folder], { out: none })).rejects.toMatchObject({ code: 'DATA_FORMAT' });
  }
  writeFileSync(join(pruned.folder, 'student/model.json'), '{');
  await expect(compress([pruned.folder], { out: none })).rejects.toMatchObject({ code: 'DATA_FORMAT' });
  expect(existsSync(none)).toBe(false);
});

test('without the training rows a report is whole, and models are compressed', async () => {
  rmSync(csv);
  const { html, stderr } = await reportOf(classified);
  expect(stderr).toBe('');
  expect(sectionsOf(html)).toContain('Confusion');
  const [model] = await compress([classified], { out: scratch.out() });
  expect(model.metrics.accuracy).toBe(scratch.readRecord(classified).student!.test['accuracy']);
});

test('without its data a report says what it is without', async () => {
  rmSync(tested);
  const { html, stderr } = await reportOf(classified);
  expect(stderr).toContain('warning: the report lacks the parts that need the test rows');
  expect(sectionsOf(html)).toEqual([
    'Result',
    'Data',
    'Learning curves',
    'Tuning',
    'Engine and workers',
    'How to reproduce it',
  ]);
  expect(html).toContain('The parts that need the test rows are missing');
});
