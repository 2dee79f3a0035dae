// Metrics of each of several regression targets, which a metric of them all hides if their units differ.
import { isPrintable } from '../error/printable.js';
import { builtInMetric, type MetricName } from './built-in.js';
import type { SharedSums } from './define-metric.js';

/** Those that follow from the sums of one target. */
const names = ['r2', 'rmse', 'mae'] as const satisfies readonly MetricName[];

/** With more targets, metrics would outgrow the messages that carry them. */
const mostTargets = 100;
const longestName = 200;

/** A name that fits a message, or else the target's number, counted from 1. */
const nameOf = (name: string | undefined, k: number): string =>
  name !== undefined && name.length <= longestName && isPrintable(name) ? name : String(k + 1);

/** The names of a recipe's targets; none if its data are no table. */
export const targetNamesOf = ({
  data,
}: {
  readonly data?: { readonly table?: { readonly target: string | readonly string[] } | undefined };
}): readonly string[] => (data?.table ? [data.table.target].flat() : []);

/** The name of a metric of one target, as predictions have it: rmse_price. */
export const targetMetricName = (
  metric: string,
  { name, target }: { name: string | undefined; target: number },
): string => `${metric}_${nameOf(name, target)}`;

/**
 * The metrics of each target by their names; none for a single target.
 * @param targetNames as far as targets have names
 */
export function perTarget(sums: SharedSums, targetNames: readonly string[]): Record<string, number> {
  const { targets } = sums;
  if (targets.length < 2 || targets.length > mostTargets) return {};
  return Object.fromEntries(
    targets.flatMap((own, target) =>
      names.map((metric) => [
        targetMetricName(metric, { name: targetNames[target], target }),
        builtInMetric(metric)!.finish({ ...sums, targets: [own] }),
      ]),
    ),
  );
}
