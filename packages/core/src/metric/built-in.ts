// The built-in metrics by their names. Adding one: an entry here, its place in `shownFor`, a case in metrics.test.ts.
import type { LabelKind } from '../loss/define-loss.js';
import type { TargetScale } from '../loss/prediction.js';
import { binSums, commonSums, targetSums, type Measures, type MetricSums } from './sums.js';

/** What a metric follows from. */
export interface Measured {
  readonly sums: MetricSums;
  readonly measures: Pick<Measures, 'metrics'>;
  /** How each target was scaled, if it was. */
  readonly targets: readonly TargetScale[];
}

export interface BuiltInMetric {
  readonly smallerIsBetter: boolean;
  /** How people read it. */
  readonly format: 'number' | 'percentage' | 'count';
  finish(measured: Measured): number;
}

/** Mean over targets, in an order that is part of the bits. */
function meanOverTargets(
  { sums, measures, targets }: Measured,
  valueOf: (sums: ReturnType<typeof targetSums>[number] & { deviation: number; outputs: number }) => number,
): number {
  const all = targetSums(sums, measures);
  let mean = 0;
  all.forEach((each, k) => {
    mean += valueOf({ ...each, deviation: targets[k]?.deviation ?? 1, outputs: all.length });
  });
  return mean;
}

const metrics = {
  /** The mean loss, on the scale of training. */
  loss: {
    smallerIsBetter: true,
    format: 'number',
    finish({ sums }) {
      const { loss, rows } = commonSums(sums);
      return loss / rows;
    },
  },
  accuracy: {
    smallerIsBetter: false,
    format: 'percentage',
    finish({ sums }) {
      const { correct, rows } = commonSums(sums);
      return correct / rows;
    },
  },
  errors: {
    smallerIsBetter: true,
    format: 'count',
    finish({ sums }) {
      const { correct, rows } = commonSums(sums);
      return rows - correct;
    },
  },
  /** Mean distance between confidence and accuracy over the bins, weighted by their counts. */
  ece: {
    smallerIsBetter: true,
    format: 'number',
    finish({ sums }) {
      let [count, distance] = [0, 0];
      for (const bin of binSums(sums)) {
        count += bin.count;
        distance += Math.abs(bin.hits - bin.confidence);
      }
      return distance / count;
    },
  },
  /** In the units of the targets, mean over them before the root. */
  rmse: {
    smallerIsBetter: true,
    format: 'number',
    finish(measured) {
      const { rows } = commonSums(measured.sums);
      return Math.sqrt(
        meanOverTargets(measured, ({ squares, deviation, outputs }) => (deviation ** 2 * squares) / rows / outputs),
      );
    },
  },
  /** In the units of the targets, mean over them. */
  mae: {
    smallerIsBetter: true,
    format: 'number',
    finish(measured) {
      const { rows } = commonSums(measured.sums);
      return meanOverTargets(measured, ({ sizes, deviation, outputs }) => (deviation * sizes) / rows / outputs);
    },
  },
  /** 1 − Σ(f−y)²/Σ(y−ȳ)², mean over targets. */
  r2: {
    smallerIsBetter: false,
    format: 'number',
    finish(measured) {
      const { rows } = commonSums(measured.sums);
      return meanOverTargets(
        measured,
        ({ squares, y, ySquares, outputs }) => (1 - squares / (ySquares - (y * y) / rows)) / outputs,
      );
    },
  },
} as const satisfies Record<string, BuiltInMetric>;

export type MetricName = keyof typeof metrics;
export const metricNames = Object.keys(metrics) as MetricName[];

/** The metrics that a kind of labels has, the headline one first. */
const shownFor: Readonly<Record<LabelKind, readonly MetricName[]>> = {
  class: ['errors', 'accuracy', 'loss', 'ece'],
  binary: ['errors', 'accuracy', 'loss', 'ece'],
  numbers: ['r2', 'rmse', 'mae', 'loss'],
};

export const builtInFor = (labels: LabelKind): readonly MetricName[] => shownFor[labels];

/** Undefined for a metric of a module. */
export const builtInMetric = (name: string): BuiltInMetric | undefined =>
  Object.hasOwn(metrics, name) ? metrics[name as MetricName] : undefined;
