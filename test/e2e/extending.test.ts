// The loss, the term, the augmentation and the metric of docs/extending.md, as printed there: they train to equal
// hashes on any number of workers.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunRecord } from '@stillhouse/core';
import type { Metrics } from '@stillhouse/core/training';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatMetric, type RunOptions } from 'stillhouse';
import { root, Scratch } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const text = readFileSync(join(root, 'docs/extending.md'), 'utf8');
const printed = (name: string): string => new RegExp(`\`\`\`js\n(// ${name}\n[^]*?)\`\`\``).exec(text)![1];
const recipe = (name: string): string => new RegExp(`\`\`\`yaml\n(name: ${name}\n[^]*?)\`\`\``).exec(text)![1];

beforeAll(() => {
  for (const name of ['pinball.mjs', 'cosine.mjs', 'jitter.mjs', 'within.mjs']) scratch.write(name, printed(name));
  for (const name of ['quantile', 'jitter', 'tolerance']) scratch.write(`${name}.yaml`, recipe(name));
});

const train = (name: string, options: RunOptions = {}) =>
  scratch.train(scratch.path(`${name}.yaml`), { backend: 'cpu', ...options });
const hashesOf = ({ record }: { record: RunRecord }): unknown[] => [
  record.teacher!.weightsSha256,
  record.student!.weightsSha256,
];

test('loss and term train to equal hashes on one worker and on three, and their options count', async () => {
  const [one, three] = [await train('quantile'), await train('quantile', { workers: 3 })];
  expect(hashesOf(three)).toEqual(hashesOf(one));
  const withoutTerm = await train('quantile', { set: { 'distill.terms': [{ name: 'kd' }] } });
  expect(withoutTerm.record.teacher!.weightsSha256).toBe(one.record.teacher!.weightsSha256);
  expect(withoutTerm.record.student!.weightsSha256).not.toBe(one.record.student!.weightsSha256);
  const median = await train('quantile', { set: { 'loss.options.quantile': 0.5 } });
  expect(median.record.teacher!.weightsSha256).not.toBe(one.record.teacher!.weightsSha256);

  rmSync(scratch.path('pinball.mjs'));
  const { code, stdout } = await scratch.run(['evaluate', one.folder, '--json']);
  expect(code).toBe(0);
  expect(await scratch.run(['compare', one.folder, median.folder])).toMatchObject({ code: 0 });
  expect(await scratch.run(['report', one.folder])).toMatchObject({ code: 0 });
  expect((JSON.parse(stdout) as { teacher: { loss: number } }).teacher.loss).toBeCloseTo(
    one.record.teacher!.test.loss!,
    6,
  );
  scratch.write('pinball.mjs', printed('pinball.mjs'));
}, 300_000);

test('a run whose modules were edited after it had begun goes on with the text that it began with', async () => {
  const { record } = await train('quantile', { set: { 'student.epochs': 20, 'student.batch': 4 } });
  const folder = scratch.out();
  const slow = ['--set', 'student.epochs=20', '--set', 'student.batch=4'];
  const run = scratch.start(['run', scratch.path('quantile.yaml'), '--out', folder, '--backend', 'cpu', ...slow]);
  const isTaught = (): boolean => existsSync(join(folder, 'run.json')) && !!scratch.readRecord(folder).teacher;
  while (!isTaught() && run.child.exitCode === null) await delay(20);
  run.child.kill('SIGKILL');
  await run.result;
  expect(isTaught()).toBe(true);
  expect(existsSync(join(folder, 'baseline/model.json'))).toBe(false);

  scratch.write(
    'pinball.mjs',
    printed('pinball.mjs').replace('quantile = 0.5', 'quantile = 0.1').replace('1);', '0);'),
  );
  rmSync(scratch.path('cosine.mjs'));
  const { code, stdout, stderr } = await scratch.run(['run', '--resume', folder, '--backend', 'cpu', '--json']);
  scratch.write('pinball.mjs', printed('pinball.mjs'));
  scratch.write('cosine.mjs', printed('cosine.mjs'));
  expect(code, stderr).toBe(0);
  expect(hashesOf({ record: JSON.parse(stdout) as RunRecord })).toEqual(hashesOf({ record }));
}, 300_000);

test('an augmentation trains to equal hashes on one worker and on three, and its options count', async () => {
  const [one, three] = [await train('jitter'), await train('jitter', { workers: 3 })];
  expect(hashesOf(three)).toEqual(hashesOf(one));
  const stronger = { 'distill.transfer[0].augment.modules[0].options.deviation': 0.2 };
  const other = await train('jitter', { set: stronger });
  expect(other.record.teacher!.weightsSha256).toBe(one.record.teacher!.weightsSha256);
  expect(other.record.student!.weightsSha256).not.toBe(one.record.student!.weightsSha256);
  const plain = await train('jitter', { set: { 'teacher.augment': null } });
  expect(plain.record.teacher!.weightsSha256).not.toBe(one.record.teacher!.weightsSha256);

  scratch.write('edges.mjs', "export default () => ({ name: 'edges', isForImages: true, row() {} })");
  const refusal = await scratch.refusal(scratch.path('jitter.yaml'), {
    set: { 'teacher.augment.modules[0].module': 'edges.mjs' },
  });
  expect([refusal.code, refusal.exitCode]).toEqual(['RECIPE_INVALID', 2]);
  expect(refusal.message).toMatch(/teacher\.augment\.edges is for images, but rows have the shape \[10\]/);
}, 300_000);

test('a metric is the same on one worker and on three, wherever it is shown, and changes nothing else', async () => {
  const [one, three] = [await train('tolerance'), await train('tolerance', { workers: 3 })];
  const plain = await train('tolerance', { set: { metrics: ['r2'] } });
  expect(hashesOf(three)).toEqual(hashesOf(one));
  expect(hashesOf(plain)).toEqual(hashesOf(one));
  const metricsIn = ({ record }: typeof one): Metrics[] => [
    record.teacher!.epochs[1].validation as Metrics,
    ...(['teacher', 'student', 'baseline'] as const).map((phase) => record[phase]!.test as Metrics),
  ];
  expect(metricsIn(three)).toEqual(metricsIn(one));
  expect(metricsIn(one).map(({ within, ...others }) => others)).toEqual(metricsIn(plain));
  for (const { within, rows } of metricsIn(one)) expect((within! * rows) % 1).toBeCloseTo(0, 9);
  expect(metricsIn(one)[1]['within']).toBeGreaterThan(0);

  rmSync(scratch.path('within.mjs'));
  const { code, stdout } = await scratch.run(['evaluate', one.folder, '--backend', 'cpu']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/test r2 +test within\n/);
  expect(stdout).toContain(formatMetric('within', metricsIn(one)[1]['within']));
  scratch.write('within.mjs', printed('within.mjs'));
}, 300_000);

test('options of a term and of an augmentation are tuned, and the student is trained with what is chosen', async () => {
  scratch.write(
    'scaled.mjs',
    "export default ({ options: { power } }) => ({ name: 'scaled', " +
      'loss: ({ tf, student, teacher }) => ' +
      'tf.mean(tf.pow(tf.abs(tf.sub(student.outputs, teacher.outputs)), power), 1) })',
  );
  const tuned = {
    'distill.terms[1].options.power': [1, 3],
    'distill.transfer[0].augment.modules[0].options.deviation': [0.1],
  };
  const terms = [{ name: 'kd' }, { module: 'scaled.mjs', options: { power: 2 } }];
  const transfer = [{ augment: { modules: [{ module: 'jitter.mjs', options: { deviation: 0.01 } }] } }];
  const { record } = await train('quantile', {
    set: { distill: { terms, transfer, tune: { values: tuned, search: { name: 'grid' }, folds: 2, rule: 'best' } } },
  });
  const { values } = record.tuned!;
  expect(values['distill.transfer[0].augment.modules[0].options.deviation']).toBe(0.1);
  const power = values['distill.terms[1].options.power'];
  expect([1, 3]).toContain(power);
  const set = {
    distill: {
      terms: [{ name: 'kd' }, { module: 'scaled.mjs', options: { power } }],
      transfer: [{ augment: { modules: [{ module: 'jitter.mjs', options: { deviation: 0.1 } }] } }],
    },
  };
  expect(hashesOf(await train('quantile', { set }))).toEqual(hashesOf({ record }));
}, 300_000);

test.each([
  ["export default () => ({ name: 'x', labels: 'numbers' });", ': row is not a function'],
  ['export default () => 1;', ': it returned no definition'],
  ['export const loss = 1;', ': it is not a function'],
  [
    "export default () => ({ name: 'x', labels: 'numbers', row: () => 0, soft() {}, " +
      'hard: ({ tf, outputs, labels }) => tf.abs(tf.sub(outputs, labels)) });',
    ', hard: it returned a tensor of shape [1, 1], not a tensor of shape [1]',
  ],
])('a module that is no loss is refused by name: %s', async (source, why) => {
  scratch.write('broken.mjs', source);
  const refusal = await scratch.refusal(scratch.path('quantile.yaml'), { set: { 'loss.module': 'broken.mjs' } });
  expect([refusal.code, refusal.exitCode]).toEqual(['EXTENSION_MODULE', 2]);
  expect(refusal.message).toContain(`the loss in broken.mjs, export default${why}`);
});
