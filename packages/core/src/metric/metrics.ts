// The metrics of a recipe, built in or of modules, from sums over rows.
import { invariant } from '../error/errors.js';
import { expectNumber } from '../extension/guarded.js';
import { ModuleKind, type ModuleConfig } from '../extension/module-kind.js';
import { lossOf, type LossConfig } from '../loss/losses.js';
import type { LossFacts } from '../loss/define-loss.js';
import type { TargetScale } from '../loss/target-scale.js';
import { builtInFor, builtInMetric, metricNames, type MetricName } from './built-in.js';
import { defineMetric, type Metric, type MetricDefinition } from './define-metric.js';
import { perTarget, targetNamesOf } from './per-target.js';
import { moduleSums, sharedSums, type Measures, type MetricSums } from './sums.js';

/** A metric as the recipe has it. */
export type MetricConfig = MetricName | ModuleConfig;

const withRow = (definition: MetricDefinition): Metric => {
  if (typeof definition.row !== 'function') throw new TypeError('row is not a function');
  return defineMetric(definition);
};
export const metricModules = new ModuleKind<Metric>('metric', withRow, { row: expectNumber, finish: expectNumber });

/** What a recipe measures, whose modules are open (`openModules`). */
export const measuresOf = (recipe: {
  readonly loss: LossConfig;
  readonly metrics?: readonly MetricConfig[] | undefined;
  readonly data?: { readonly table?: { readonly target: string | readonly string[] } | undefined };
}): Required<Measures> => ({
  loss: lossOf(recipe.loss),
  targetNames: targetNamesOf(recipe),
  metrics: (recipe.metrics ?? []).flatMap((config) => (typeof config === 'string' ? [] : [metricModules.of(config)])),
});

/** The name of a recipe's metric. */
export const metricNameOf = (config: MetricConfig): string =>
  typeof config === 'string' ? config : metricModules.of(config).name;

/** The built-in metrics that a loss has, the headline one first. */
export const metricsOf = ({ labels }: LossFacts): readonly MetricName[] => builtInFor(labels);

/** The names of all metrics, the headline one first. */
export const measuredNames = ({ loss, metrics = [] }: Measures): string[] => [
  ...metricsOf(loss),
  ...metrics.map(({ name }) => name),
];

/** Metrics by their names. */
export type Metrics = Partial<Record<MetricName, number>> & { loss: number; rows: number } & {
  [ofModule: string]: number | undefined;
};

/**
 * The metrics that make sense for a loss, also of each target if there are several, and those of modules.
 * @param targets how each output was scaled, if it was
 */
export function finishMetrics(measures: Measures, sums: MetricSums, targets: readonly TargetScale[] = []): Metrics {
  const known = metricsOf(measures.loss);
  const shared = sharedSums(sums, measures, targets);
  const { rows } = shared;
  const valueOf = (name: MetricName): number => builtInMetric(name)!.finish(shared);
  const own = moduleSums(sums, measures);
  return {
    loss: valueOf('loss'),
    rows,
    ...Object.fromEntries(metricNames.filter((name) => known.includes(name)).map((name) => [name, valueOf(name)])),
    ...(measures.loss.labels === 'numbers' ? perTarget(shared, measures.targetNames ?? []) : {}),
    ...Object.fromEntries((measures.metrics ?? []).map((metric, k) => [metric.name, metric.finish(own[k]!, rows)])),
  };
}

/** Metrics of the sums of all ranks, added up in rank order. */
export function totalMetrics(
  measures: Measures,
  values: Iterable<MetricSums>,
  targets: readonly TargetScale[],
): Metrics {
  const [first, ...others] = values;
  invariant(first, 'the sums of at least one rank');
  const total = first.slice();
  for (const sums of others) for (let i = 0; i < total.length; i++) total[i]! += sums[i]!;
  return finishMetrics(measures, total, targets);
}

/**
 * Whether a smaller value of the metric is better.
 * @param metrics of modules
 */
export function smallerIsBetter(name: string, metrics: readonly Metric[] = []): boolean {
  const metric = builtInMetric(name) ?? metrics.find((each) => each.name === name);
  invariant(metric, `there is a metric ${name}`);
  return metric.smallerIsBetter;
}
