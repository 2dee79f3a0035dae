// Runs side by side: their results, and where their recipes differ.
import {
  formatPath,
  leavesOf,
  lossOf,
  metricsOf,
  teacherTestOf,
  type Metrics,
  type MetricName,
} from '@stillhouse/core';
import { alignColumns, formatMetric } from '../summary.js';
import type { TrainedRun } from '../runs/trained-run.js';

/** Paths whose values are not the same in all recipes, in the order in which they come. */
export function differences(recipes: readonly unknown[]): { path: string; values: string[] }[] {
  const all = recipes.map(
    (recipe) => new Map(Array.from(leavesOf(recipe), ([path, value]) => [formatPath(path), String(value)])),
  );
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
