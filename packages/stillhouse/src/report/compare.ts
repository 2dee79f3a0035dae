// Runs side by side: their results, and where their recipes differ.
import { lossOf, metricsOf, teacherTestOf, type Metrics, type MetricName } from '@stillhouse/core';
import { alignColumns, formatMetric } from '../summary.js';
import type { TrainedRun } from '../runs/trained-run.js';

/** Every value of a recipe by its path. */
function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  const entries = Array.isArray(value)
    ? value.map((each: unknown, i) => [`${path}[${i}]`, each] as const)
    : Object.entries(value).map(([key, each]) => [path === '' ? key : `${path}.${key}`, each] as const);
  return entries.flatMap(([key, each]) => leaves(each, key));
}

/** Paths whose values are not the same in all recipes, in the order in which they come. */
export function differences(recipes: readonly unknown[]): { path: string; values: string[] }[] {
  const all = recipes.map((recipe) => new Map(leaves(recipe)));
  const paths = [...new Set(all.flatMap((each) => [...each.keys()]))];
  return paths
    .map((path) => ({ path, values: all.map((each) => each.get(path) ?? '–') }))
    .filter(({ values }) => new Set(values).size > 1);
}

export function compareTable(runs: readonly TrainedRun[]): string {
  const metricOf = ({ recipe }: TrainedRun): MetricName => recipe.metrics?.[0] ?? metricsOf(lossOf(recipe.loss))[0];
  const shown = (run: TrainedRun, test: Metrics | undefined): string =>
    test ? formatMetric(metricOf(run), test[metricOf(run)]) : '–';
  const phase = (run: TrainedRun, name: 'student' | 'baseline'): string =>
    shown(run, run.record[name]?.test as Metrics | undefined);
  const rows = [
    ['', ...runs.map(({ folder }) => folder)],
    ['status', ...runs.map(({ record }) => record.status)],
    ['test metric', ...runs.map(metricOf)],
    ['teacher', ...runs.map((run) => shown(run, teacherTestOf(run.record)))],
    ['student (distilled)', ...runs.map((run) => phase(run, 'student'))],
    ['student (baseline)', ...runs.map((run) => phase(run, 'baseline'))],
    [
      'student bytes',
      ...runs.map(({ record }) => (record.student ? record.student.bytes.toLocaleString('en-US') : '–')),
    ],
    ...differences(runs.map(({ record }) => record.recipe)).map(({ path, values }) => [path, ...values]),
    ...[...new Set(runs.flatMap(({ record }) => Object.keys(record.tuned?.values ?? {})))].map((path) => [
      `tuned ${path}`,
      ...runs.map(({ record }) => String(record.tuned?.values[path] ?? '–')),
    ]),
  ];
  return alignColumns(rows);
}
