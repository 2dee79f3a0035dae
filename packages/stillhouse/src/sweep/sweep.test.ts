import { expect, test } from 'vitest';
import { parseRecipe, type RecipeInput } from '@stillhouse/core';
import { cellsOf, folderOf, settingsOf, taughtBy, teacherRecipe } from './cells.js';
import { drawSweep } from './plot.js';
import { outcomesCsv, rowsOf, sweepTable, type SweepOutcome } from './results.js';

const recipeOf = (change: Partial<RecipeInput> = {}): ReturnType<typeof parseRecipe> =>
  parseRecipe({
    seed: 7,
    data: {
      large: { generator: 'friedman1', rows: 100 },
      small: { generator: 'friedman1', rows: 20 },
      test: { generator: 'friedman1', rows: 20 },
    },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] } },
    student: { model: { layers: [{ dense: 1 }] } },
    ...change,
  });

test('axes give every combination of their values with every seed', () => {
  const axes = [
    { path: 'data.small.rows', values: [10, 100] },
    { path: 'student.model.layers', values: [[{ dense: 1 }], [{ dense: 2 }, { dense: 1 }]] },
  ];
  const cells = cellsOf(axes, [1, 2]);
  expect(cells).toHaveLength(8);
  expect(settingsOf(axes, cells[2])).toEqual([
    { path: 'data.small.rows', value: 10, argument: '--vary' },
    { path: 'student.model.layers', value: [{ dense: 2 }, { dense: 1 }], argument: '--vary' },
    { path: 'seed', value: 1, argument: '--seeds' },
  ]);
  expect(cellsOf([], [1, 2])).toEqual([
    { values: [], seed: 1 },
    { values: [], seed: 2 },
  ]);
});

test('cells share a teacher unless something of it differs, or the seed decides about its rows', () => {
  const teacherOf = (change: Partial<RecipeInput>, each = false): string =>
    folderOf(teacherRecipe(recipeOf(change), { seed: 7, each })!);
  const base = teacherOf({});
  expect(teacherOf({ seed: 8 })).toBe(base);
  expect(teacherOf({ distill: { alpha: 3 } })).toBe(base);
  expect(teacherOf({ ranks: 2 })).not.toBe(base);
  expect(teacherOf({ seed: 8 }, true)).not.toBe(base);
  const validated: Partial<RecipeInput> = { teacher: { model: { layers: [{ dense: 1 }] }, validation: 0.1 } };
  expect(teacherOf({ ...validated, seed: 8 })).not.toBe(teacherOf(validated));
  expect(parseRecipe(teacherRecipe(recipeOf(), { seed: 7, each: false }))).toMatchObject({ seed: 7 });
  expect(parseRecipe(taughtBy(recipeOf(validated), 'x')).teacher).toEqual({
    pretrained: 'x',
    outputs: 'auto',
    validation: 0.1,
  });
  expect(teacherRecipe(recipeOf({ teacher: { pretrained: 'x' } }), { seed: 7, each: false })).toBeUndefined();
});

const axes = [{ path: 'data.small.rows', values: [10, 100] }];
const outcome = (rows: number, seed: number, baseline: number, student: number): SweepOutcome => ({
  values: [rows],
  seed,
  folder: '',
  teacher: { folder: 't', metric: 5 },
  baseline,
  student,
});
const outcomes = [
  outcome(10, 1, 40, 30),
  outcome(10, 2, 42, 33),
  outcome(10, 3, 38, 27),
  outcome(100, 1, 20, 21),
  outcome(100, 2, 22, 18),
  outcome(100, 3, 21, 22),
];

test('rows have means and intervals over seeds, and say where student and baseline differ for sure', () => {
  const rows = rowsOf(axes, outcomes, 'errors');
  expect(rows[0]).toMatchObject({
    teacher: { n: 1, mean: 5 },
    baseline: { mean: 40 },
    student: { mean: 30 },
    gain: { mean: 10 },
    wins: 3,
  });
  expect(rows[1]).toMatchObject({ wins: 1 });
  expect(sweepTable({ axes, rows, metric: 'errors' })).toEqual([
    ['data.small.rows', "teacher's errors", 'student (baseline)', 'student (distilled)', 'distilled is better', ''],
    ['10', '5', '40.00 ± 4.97', '30.00 ± 7.45', '3 of 3', 'better'],
    ['100', '5', '21.00 ± 2.48', '20.33 ± 5.17', '1 of 3', ''],
  ]);
  // For a metric of which more is better the same numbers are a loss.
  expect(rowsOf(axes, outcomes, 'accuracy')[0]).toMatchObject({ gain: { mean: -10 }, wins: 0 });
});

test('outcomes as CSV, and a plot with a line for each', () => {
  expect(outcomesCsv({ axes, outcomes, metric: 'errors' }).split('\n').slice(0, 2)).toEqual([
    'data.small.rows,seed,teacher_errors,baseline_errors,student_errors',
    '10,1,5,40,30',
  ]);
  const svg = drawSweep(axes, rowsOf(axes, outcomes, 'errors'), 'errors');
  expect(svg.match(/<polyline/g)).toHaveLength(3);
  expect(svg.match(/<circle/g)).toHaveLength(6);
  // Models at the same value stand next to each other.
  const places = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => x);
  expect(new Set(places).size).toBe(places.length);
  expect(svg).not.toContain('NaN');
  expect(
    drawSweep(
      [],
      rowsOf(
        [],
        outcomes.slice(0, 3).map((each) => ({ ...each, values: [] })),
        'errors',
      ),
      'errors',
    ),
  ).not.toContain('NaN');
});
