// What a metric of a module is: a number per row, and what follows from their sum.
import type { LossRow } from '../loss/define-loss.js';

export interface Metric {
  readonly name: string;
  readonly smallerIsBetter: boolean;
  /** What a row adds to the sum; outputs and labels are those of a loss, on its scale. */
  row(row: LossRow): number;
  /** The metric of all rows. */
  finish(sum: number, rows: number): number;
}

/** A metric as it is written; by default it is the mean over rows. */
export type MetricDefinition = Omit<Metric, 'finish'> & Partial<Metric>;

/**
 * Checks a metric, and fills in what is left out.
 * @throws TypeError that names what is missing or wrong
 */
export function defineMetric(definition: MetricDefinition): Metric {
  const { name, smallerIsBetter, row, finish = (sum: number, rows: number) => sum / rows } = definition;
  if (typeof name !== 'string' || !/^[a-z][\w-]*$/i.test(name))
    throw new TypeError('a metric needs a name of one word');
  if (typeof smallerIsBetter !== 'boolean') throw new TypeError('smallerIsBetter is neither true nor false');
  if (typeof row !== 'function') throw new TypeError('row is not a function');
  if (typeof finish !== 'function') throw new TypeError('finish is not a function');
  return { ...definition, finish };
}
