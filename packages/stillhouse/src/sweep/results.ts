// The results of a sweep: mean and 95 % interval over seeds per combination of values.
import { estimate, smallerIsBetter, type Estimate, type Metric } from '@stillhouse/core/training';
import { csvLine } from '../rows-text.js';
import { formatMetric, formatMetricEstimate, phaseTitles } from '../tables.js';
import { cellsOf, shownValue, type SweepAxis, type Cell } from './cells.js';

/** Test metrics of a cell. */
export interface SweepOutcome extends Cell {
  readonly folder: string;
  /** Absent if the student does not learn from its outputs. */
  readonly teacher?: { readonly folder: string; readonly metric: number };
  readonly student: number;
  readonly baseline: number;
}

export interface SweepRow {
  /** Value of each axis. */
  readonly values: readonly unknown[];
  readonly teacher: Estimate | undefined;
  readonly student: Estimate;
  readonly baseline: Estimate;
  /** Student against baseline, seed by seed: above 0 is better, for every metric. */
  readonly gain: Estimate;
  readonly wins: number;
}

export interface SweepResult {
  /** Test metric that was compared. */
  readonly metric: string;
  readonly axes: readonly SweepAxis[];
  /** Mean and 95 % interval over seeds, per combination of values. */
  readonly rows: readonly SweepRow[];
  /** Test metrics, per combination and seed. */
  readonly outcomes: readonly SweepOutcome[];
  readonly folder: string;
}

/** @param metrics of the recipe's modules */
export function rowsOf(
  axes: readonly SweepAxis[],
  outcomes: readonly SweepOutcome[],
  metric: string,
  metrics: readonly Metric[] = [],
): SweepRow[] {
  const sign = smallerIsBetter(metric, metrics) ? -1 : 1;
  return cellsOf(axes, [0]).flatMap(({ values }): SweepRow[] => {
    const own = outcomes.filter((outcome) => JSON.stringify(outcome.values) === JSON.stringify(values));
    if (own.length === 0) return [];
    const gains = own.map(({ student, baseline }) => sign * (student - baseline));
    // Each teacher once, for any number of seeds that it taught.
    const teachers = [
      ...new Map(
        own.flatMap(({ teacher }) =>
          teacher ? [[`${teacher.folder} ${teacher.metric}`, teacher.metric] as const] : [],
        ),
      ).values(),
    ];
    return [
      {
        values,
        teacher: teachers.length ? estimate(teachers) : undefined,
        student: estimate(own.map(({ student }) => student)),
        baseline: estimate(own.map(({ baseline }) => baseline)),
        gain: estimate(gains),
        wins: gains.filter((gain) => gain > 0).length,
      },
    ];
  });
}

/** The mean over seeds; with its interval if there are several. */
const interval = (metric: string, { n, mean, halfWidth }: Estimate): string =>
  n === 1 ? formatMetric(metric, mean) : formatMetricEstimate(metric, mean, halfWidth);

/** Whether the interval of the gain is above or below 0. */
const verdict = ({ gain: { mean, halfWidth } }: SweepRow): string =>
  mean - halfWidth > 0 ? 'better' : mean + halfWidth < 0 ? 'worse' : '';

/** The table of a sweep as rows of cells, the first of them the header. */
export function sweepTable({ axes, rows, metric }: Pick<SweepResult, 'axes' | 'rows' | 'metric'>): string[][] {
  const header = [
    ...axes.map(({ path }) => path),
    `teacher's ${metric}`,
    phaseTitles.baseline,
    phaseTitles.student,
    'distilled is better',
    '',
  ];
  return [
    header,
    ...rows.map((row) => [
      ...row.values.map(shownValue),
      row.teacher ? interval(metric, row.teacher) : '–',
      interval(metric, row.baseline),
      interval(metric, row.student),
      `${row.wins} of ${row.student.n}`,
      verdict(row),
    ]),
  ];
}

export function outcomesCsv({ axes, outcomes, metric }: Pick<SweepResult, 'axes' | 'outcomes' | 'metric'>): string {
  const models = ['teacher', 'baseline', 'student'].map((model) => `${model}_${metric}`);
  const header = csvLine([...axes.map(({ path }) => path), 'seed', ...models]);
  const lines = outcomes.map(({ values, seed, teacher, baseline, student }) =>
    csvLine([...values.map(shownValue), ...[seed, teacher?.metric ?? '', baseline, student].map(String)]),
  );
  return `${[header, ...lines].join('\n')}\n`;
}
