// A sweep on real runs: its table, what it shares and skips, and what it refuses before anything is trained.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Metrics } from '@stillhouse/core/training';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

interface Sweep {
  readonly metric: string;
  readonly rows: readonly {
    readonly values: readonly unknown[];
    readonly student: { readonly n: number; readonly mean: number };
  }[];
  readonly outcomes: readonly {
    readonly folder: string;
    readonly seed: number;
    readonly student: number;
    readonly teacher: { readonly folder: string };
  }[];
}

test('every combination is run with every seed, with one teacher; a second time nothing is run again', async () => {
  const out = scratch.path('sweep');
  const recipe = scratch.recipe(smallRecipe());
  const args = [
    'sweep',
    recipe,
    '--vary',
    'data.small.rows=20,30',
    '--vary',
    'distill.terms[0].weight=1,2',
    '--seeds',
    '2',
    '--set',
    'distill.terms=[{name: kd, weight: 1}]',
    '--out',
    out,
  ];
  const { code, stdout, stderr } = await scratch.run([...args, '--json']);
  expect(code, stderr).toBe(0);
  const { metric, rows, outcomes } = JSON.parse(stdout) as Sweep;
  expect(metric).toBe('r2');
  expect(rows.map(({ values }) => values)).toEqual([
    [20, 1],
    [20, 2],
    [30, 1],
    [30, 2],
  ]);
  expect(rows.every(({ student }) => student.n === 2)).toBe(true);
  expect(outcomes).toHaveLength(8);
  expect(readdirSync(join(out, 'teachers'))).toHaveLength(1);
  expect(readdirSync(join(out, 'cells'))).toHaveLength(8);
  const first = outcomes[0];
  const record = scratch.readRecord(
    join(scratch.folder, first.folder.startsWith('/') ? first.folder.slice(scratch.folder.length) : first.folder),
  );
  expect(record.student!.test['r2']).toBe(first.student);
  expect(record.seed).toBe(first.seed);
  expect(readFileSync(join(out, 'table.md'), 'utf8').split('\n')).toHaveLength(7);
  expect(readFileSync(join(out, 'sweep.csv'), 'utf8').trim().split('\n')).toHaveLength(9);
  expect(readFileSync(join(out, 'plot.svg'), 'utf8')).toContain('</svg>');

  const before = statSync(join(out, 'cells', readdirSync(join(out, 'cells'))[0], 'run.json')).mtimeMs;
  const again = await scratch.run(args);
  expect(again.code, again.stderr).toBe(0);
  expect(statSync(join(out, 'cells', readdirSync(join(out, 'cells'))[0], 'run.json')).mtimeMs).toBe(before);
  expect(again.stdout).toMatch(/data\.small\.rows +distill\.terms\[0\]\.weight +teacher's r2/);
});

test.each([
  [['--vary', 'distill.alpha=1,x'], 'RECIPE_INVALID: --vary distill.alpha=x: distill.alpha is "x"'],
  [['--vary', 'student.epoch=1,2'], 'student.epoch is not a known key'],
  [['--vary', 'alpha'], 'USAGE: --vary alpha does not have the form path=value,value,…'],
  [
    ['--vary', 'distill.beta=0.25,1'],
    'RECIPE_INVALID: the values of distill.beta would change nothing: the temperature cancels',
  ],
  [['--metric', 'accuracy'], 'USAGE: mse has no metric accuracy'],
])('%j is refused before anything is trained', async (args, message) => {
  const out = scratch.path('refused');
  const { code, stderr } = await scratch.run(['sweep', scratch.recipe(smallRecipe()), '--out', out, ...args]);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
  expect(existsSync(out)).toBe(false);
});

test('generations: each run’s student teaches the next one, and what is done is kept', async () => {
  const out = scratch.out();
  // Each seed draws other rows to be held out, and to be scaled by; the generations keep those of the first.
  const csv = scratch.path('people.csv');
  writeFileSync(csv, ['a,y', ...Array.from({ length: 90 }, (_, i) => `${(i * i) % 37},${i % 11}`)].join('\n'));
  const base = smallRecipe();
  const recipe = scratch.recipe({
    ...base,
    data: { large: { csv }, small: { csv, take: 30 }, split: { test: 0.2 }, table: { target: 'y' } },
    teacher: { ...base.teacher, validation: 0.2 },
  });
  const args = ['generations', recipe, '--out', out, '--json'];
  const { code, stdout, stderr } = await scratch.run([...args, '--count', '2']);
  expect(code, stderr).toBe(0);
  const [first, second] = JSON.parse(stdout) as { folder: string; teacher: Metrics; student: Metrics }[];
  expect(first.teacher.rows).toBe(first.student.rows);
  expect(second.teacher.loss).toBeCloseTo(first.student.loss, 9);
  const [one, two] = [first, second].map(({ folder }) => scratch.readRecord(folder));
  expect(two.recipe).toMatchObject({ seed: one.seed + 1, teacher: { pretrained: join(first.folder, 'student') } });
  const again = await scratch.run([...args, '--count', '3']);
  expect(again.code, again.stderr).toBe(0);
  const three = JSON.parse(again.stdout) as { folder: string }[];
  expect(three.slice(0, 2).map(({ folder }) => folder)).toEqual([first.folder, second.folder]);
  expect(scratch.readRecord(first.folder).endedAt).toBe(one.endedAt);
});
