// Numbers and tables in the form of the files that the library writes.
import type { PhaseName, Recipe } from '@stillhouse/core';
import { builtInMetric, lossOf, metricNameOf, metricsOf } from '@stillhouse/core/training';

/** The models of a run, in readable form. */
export const phaseTitles: Readonly<Record<PhaseName, string>> = {
  teacher: 'teacher',
  student: 'student (distilled)',
  baseline: 'student (baseline)',
};

/** A number in readable form, with thousands separators. */
export const formatCount = (value: number): string => value.toLocaleString('en-US');

/** A metric in readable form: a percentage for accuracy, a count for errors, otherwise four decimals. */
export function formatMetric(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'not finite';
  const format = builtInMetric(name)?.format ?? 'number';
  if (format === 'count') return formatCount(value);
  return format === 'percentage' ? `${(100 * value).toFixed(2)} %` : value.toFixed(4);
}

/** The metrics that a recipe names, or the first three of its loss. */
export const shownMetrics = ({ loss, metrics }: Pick<Recipe, 'loss' | 'metrics'>): readonly string[] =>
  metrics?.map(metricNameOf) ?? metricsOf(lossOf(loss)).slice(0, 3);

/** Rows of cells, the first of them the header, as a table in Markdown. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [header, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return `${[header, `|${' --- |'.repeat(rows[0].length)}`, ...body].join('\n')}\n`;
}
