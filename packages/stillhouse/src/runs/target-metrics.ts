// The metrics of each of several regression targets, for people to read.
import type { Recipe } from '@stillhouse/core';
import { targetMetricName, targetNamesOf, type Metrics } from '@stillhouse/core/training';
import { formatCount, formatMetric, shownMetrics } from '../tables.js';

export interface TargetMetrics {
  /** Rows of cells, the first of them the header: a row per target and model. */
  readonly rows: readonly (readonly string[])[];
  /** What metrics without a target's name are then. */
  readonly note: string;
}

/**
 * @param models their names in readable form, and their metrics
 * @returns undefined unless there are several targets
 */
export function targetMetrics(
  models: readonly (readonly [title: string, metrics: Metrics])[],
  recipe: Pick<Recipe, 'loss' | 'metrics' | 'data'>,
): TargetMetrics | undefined {
  const names = targetNamesOf(recipe);
  const keyOf = (metric: string, target: number): string => targetMetricName(metric, { name: names[target], target });
  const has = (metric: string, target: number): boolean =>
    models.some(([, metrics]) => metrics[keyOf(metric, target)] !== undefined);
  const shown = shownMetrics(recipe).filter((metric) => has(metric, 0));
  let count = 0;
  while (shown.some((metric) => has(metric, count))) count += 1;
  if (count === 0) return undefined;
  const rows = Array.from({ length: count }, (_, target) =>
    models.map(([title, metrics]) => [
      names[target] ?? String(target + 1),
      title,
      ...shown.map((metric) => formatMetric(metric, metrics[keyOf(metric, target)])),
    ]),
  );
  return {
    rows: [['target', '', ...shown], ...rows.flat()],
    note:
      `Without the name of a target, r2 and mae are means over the ${formatCount(count)} targets, and rmse is the ` +
      'root of the mean of their squared errors, whatever the units of each.',
  };
}
