// Metrics and tables as people read them, in the terminal and in the files that the library writes.
import { formatCount, formatEstimate, formatNumber, formatShare, type PhaseName, type Recipe } from '@stillhouse/core';
import { builtInMetric, lossOf, metricNameOf, metricsOf, type Metrics } from '@stillhouse/core/training';

export {
  formatCount,
  formatEstimate,
  formatBitRate,
  formatMs,
  formatNumber,
  formatSeconds,
  formatShare,
  formatValue,
} from '@stillhouse/core';

/** The models of a run, in readable form. */
export const phaseTitles: Readonly<Record<PhaseName, string>> = {
  teacher: 'teacher',
  student: 'student (distilled)',
  baseline: 'student (baseline)',
};

/** How many of a thing: 1 worker, 2,000 workers. */
export const countOf = (count: number, what: string): string =>
  `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;

/** A metric in readable form: a percentage for accuracy, a count for errors, otherwise four significant digits. */
export function formatMetric(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return formatNumber(NaN);
  return builtInMetric(name)?.format === 'percentage' ? formatShare(value) : formatNumber(value);
}

/** A metric in readable form, a count with the number of rows that it is a part of: 301 of 2,000. */
export const formatMetricOf = (name: string, metrics: Metrics): string =>
  builtInMetric(name)?.format === 'count'
    ? `${formatMetric(name, metrics[name])} of ${formatCount(metrics.rows)}`
    : formatMetric(name, metrics[name]);

/** The mean of a metric and how uncertain it is, in the units in which the metric is shown. */
export const formatMetricEstimate = (name: string, mean: number, uncertainty: number): string =>
  builtInMetric(name)?.format === 'percentage'
    ? `${formatEstimate(100 * mean, 100 * uncertainty)} %`
    : formatEstimate(mean, uncertainty);

/** The metrics that a recipe names, or the first three of its loss. */
export const shownMetrics = ({ loss, metrics }: Pick<Recipe, 'loss' | 'metrics'>): readonly string[] =>
  metrics?.map(metricNameOf) ?? metricsOf(lossOf(loss)).slice(0, 3);

/** Rows of cells, the first of them the header, as a table in Markdown. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [header, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return `${[header, `|${' --- |'.repeat(rows[0].length)}`, ...body].join('\n')}\n`;
}
