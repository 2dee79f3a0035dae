// Numbers and tables in the form of the files that the library writes.
import { lossOf, metricsOf, type MetricName, type Recipe } from '@stillhouse/core';

/** A number in readable form, with thousands separators. */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** A metric in readable form: a percentage for accuracy, a count for errors, otherwise four decimals. */
export function formatMetric(name: MetricName, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'not finite';
  if (name === 'errors') return grouped(value);
  if (name === 'accuracy') return `${(100 * value).toFixed(2)} %`;
  return value.toFixed(4);
}

/** The metrics that a recipe names, or the first three of its loss. */
export const shownMetrics = (recipe: Pick<Recipe, 'loss' | 'metrics'>): readonly MetricName[] =>
  recipe.metrics ?? metricsOf(lossOf(recipe.loss)).slice(0, 3);

/** Rows of cells, the first of them the header, as a table in Markdown. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [header, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return `${[header, `|${' --- |'.repeat(rows[0].length)}`, ...body].join('\n')}\n`;
}
