// The built-in metrics by name. To add one: its file, a line here, its place in `shownFor`, a case in metrics.test.ts.
import type { LabelKind } from '../loss/define-loss.js';
import { accuracy } from './accuracy.js';
import type { BuiltInMetric } from './define-metric.js';
import { ece } from './ece.js';
import { errors } from './errors.js';
import { f1 } from './f1.js';
import { loss } from './loss.js';
import { mae } from './mae.js';
import { precision } from './precision.js';
import { r2 } from './r2.js';
import { recall } from './recall.js';
import { rmse } from './rmse.js';

const metrics = { loss, accuracy, errors, ece, precision, recall, f1, rmse, mae, r2 } as const;

export type MetricName = keyof typeof metrics;
export const metricNames = Object.keys(metrics) as MetricName[];

/** The metrics that a kind of labels has, the headline one first. */
const shownFor: Readonly<Record<LabelKind, readonly MetricName[]>> = {
  class: ['errors', 'accuracy', 'loss', 'ece', 'precision', 'recall', 'f1'],
  binary: ['errors', 'accuracy', 'loss', 'ece', 'precision', 'recall', 'f1'],
  numbers: ['r2', 'rmse', 'mae', 'loss'],
};

export const builtInFor = (labels: LabelKind): readonly MetricName[] => shownFor[labels];

/** Undefined for a metric of a module. */
export const builtInMetric = (name: string): BuiltInMetric | undefined =>
  Object.hasOwn(metrics, name) ? metrics[name as MetricName] : undefined;
