// What a metric is: a name, which values are better, and a number that follows from sums over rows. The built-in ones
// share their sums; one of a module has a sum of its own.
import { wholeOf } from '../extension/whole.js';
import type { LossRow } from '../loss/define-loss.js';
import type { Positives } from './positives.js';

/** Sums over rows that the built-in metrics follow from. */
export interface SharedSums {
  readonly rows: number;
  readonly loss: number;
  /** Rows whose labels are all predicted. */
  readonly correct: number;
  /** Rows by their confidence: how many, the sum of their confidences, and how many are right. */
  readonly bins: readonly { readonly count: number; readonly confidence: number; readonly hits: number }[];
  /**
   * Per target: sums of squared and absolute errors, of labels, and of their squares. `deviation` brings errors to its
   * own units; labels may be counted from any number.
   */
  readonly targets: readonly {
    readonly squares: number;
    readonly sizes: number;
    readonly y: number;
    readonly ySquares: number;
    readonly deviation: number;
  }[];
  /** Of the second of two classes; otherwise of each class, or of each label that does not exclude the others. */
  readonly positives: readonly Positives[];
}

/** A metric that follows from the shared sums. */
export interface BuiltInMetric {
  readonly name: string;
  readonly smallerIsBetter: boolean;
  /** How people read it. */
  readonly format: 'number' | 'percentage' | 'count';
  readonly finish: (sums: SharedSums) => number;
}

/** A metric of a module: a number per row, and what follows from their sum. */
export interface Metric {
  readonly name: string;
  readonly smallerIsBetter: boolean;
  /** What a row adds to the sum; outputs and labels are those of a loss, on its scale. */
  row(row: LossRow): number;
  /** The metric of all rows. */
  finish(sum: number, rows: number): number;
}

/** A metric as a module writes it; by default it is the mean over rows. */
export type MetricDefinition = Omit<Metric, 'finish'> & Partial<Metric>;

/**
 * Checks a metric, and fills in what is left out.
 * @throws TypeError that names what is missing or wrong
 */
export function defineMetric(definition: BuiltInMetric): BuiltInMetric;
export function defineMetric(definition: MetricDefinition): Metric;
export function defineMetric(given: BuiltInMetric | MetricDefinition): BuiltInMetric | Metric {
  const definition = wholeOf(given);
  const { name, smallerIsBetter, finish = (sum: number, rows: number) => sum / rows } = definition;
  if (typeof name !== 'string' || !/^[a-z][\w-]*$/i.test(name))
    throw new TypeError('a metric needs a name of one word');
  if (typeof smallerIsBetter !== 'boolean') throw new TypeError('smallerIsBetter is neither true nor false');
  if (!('format' in definition) && typeof definition.row !== 'function') throw new TypeError('row is not a function');
  if (typeof finish !== 'function') throw new TypeError('finish is not a function');
  return { ...definition, finish } as BuiltInMetric | Metric;
}
