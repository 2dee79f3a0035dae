// The table at the end of a run: teacher, student, and the same student trained without a teacher.
import {
  lossOf,
  metricsOf,
  teacherTestOf,
  type Metrics,
  type MetricName,
  type Recipe,
  type RunRecord,
} from '@stillhouse/core';

const labels = { teacher: 'teacher', student: 'student (distilled)', baseline: 'student (baseline)' } as const;
const names = ['teacher', 'student', 'baseline'] as const;

/** A number for people, its thousands apart. */
export const grouped = (value: number): string => value.toLocaleString('en-US');

export function formatMetric(name: MetricName, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'not finite';
  if (name === 'errors') return grouped(value);
  if (name === 'accuracy') return `${(100 * value).toFixed(2)} %`;
  return value.toFixed(4);
}

/** A test metric; a model may know no class of the test rows. */
export const formatTest = (test: Metrics, name: MetricName): string =>
  test.rows === 0 ? '–' : formatMetric(name, test[name]);

/** Rows of cells as aligned lines: the first column to the left, and the others to the right unless `sides` says otherwise. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  sides: readonly ('left' | 'right')[] = ['left'],
): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (sides[column] === 'left' ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Rows of cells, the first of them the header, as a table in Markdown. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [header, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return `${[header, `|${' --- |'.repeat(rows[0].length)}`, ...body].join('\n')}\n`;
}

export const shownMetrics = (recipe: Pick<Recipe, 'loss' | 'metrics'>): readonly MetricName[] =>
  recipe.metrics ?? metricsOf(lossOf(recipe.loss)).slice(0, 3);

export function summaryTable(record: RunRecord, recipe: Recipe): string {
  const metrics = shownMetrics(recipe);
  const header = ['', 'parameters', 'bytes', ...metrics.map((name) => `test ${name}`), 'time'];
  const rows = names.flatMap((name) => {
    const phase = record[name];
    const test = name === 'teacher' ? teacherTestOf(record) : (phase?.test as Metrics | undefined);
    if (!test) return [];
    const size = phase ? [grouped(phase.parameters), grouped(phase.bytes)] : ['–', '–'];
    return [
      [
        labels[name],
        ...size,
        ...metrics.map((metric) => formatTest(test, metric)),
        phase ? `${phase.seconds.toFixed(1)} s` : '–',
      ],
    ];
  });
  return alignColumns([header, ...rows]);
}

function calibrationLine({ student }: RunRecord): string[] {
  if (!student?.calibration) return [];
  const { temperature, rows, before, after } = student.calibration;
  return [
    `The teacher was calibrated on ${grouped(rows)} rows: its logits by ${temperature.toPrecision(3)}, which took its calibration error from ${before.ece.toFixed(4)} to ${after.ece.toFixed(4)}.`,
  ];
}

/** What the numbers mean where they could be mistaken. */
export function verdicts(record: RunRecord, recipe: Recipe): string[] {
  return [...calibrationLine(record), ...warningsOf(record, recipe)];
}

function warningsOf(record: RunRecord, recipe: Recipe): string[] {
  const teacher = teacherTestOf(record);
  const [known, all] = [teacher?.rows, record.dataset.rows['test']];
  if (known !== undefined && known < all)
    return [
      `The teacher was tested on ${grouped(known)} of the ${grouped(all)} test rows: those of classes that it knows.`,
    ];
  const r2 = teacher?.r2;
  if (lossOf(recipe.loss).labels === 'numbers' && typeof r2 === 'number' && r2 <= 0) {
    return [
      `The teacher's test R² is ${r2.toFixed(4)}, not above 0: it predicts no better than the mean. The labels carry no signal that it found in these inputs, unless it was not trained well enough.`,
    ];
  }
  return [];
}
