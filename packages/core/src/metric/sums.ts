// What metrics are computed from: sums that add up over rows and ranks. Doubles; no engine involved.
import { targetCount, type LabelKind, type Loss, type LossFacts, type LossRow } from '../loss/define-loss.js';
import { logSumExp } from '../loss/softmax-cross-entropy.js';
import { targetError, unscaledTarget, type TargetScale } from '../loss/target-scale.js';
import type { Metric, SharedSums } from './define-metric.js';

/**
 * Sums over rows: [rows, loss, correct, then per bin of confidence: count, confidence, hits, then per target: squared
 * error, absolute error, y, y², or per class or label: rows that are of it and predicted to be, predicted, of it, 0,
 * then one per metric of a module].
 */
export type MetricSums = Float64Array;

/** What is measured of a model's outputs: a loss, and metrics of modules. */
export interface Measures {
  readonly loss: Loss;
  readonly metrics?: readonly Metric[] | undefined;
  /** Names of regression targets, if they have any. */
  readonly targetNames?: readonly string[] | undefined;
}

/** What the layout of sums follows from. */
export type MeasureFacts = Pick<Measures, 'metrics'> & { readonly loss: LossFacts };

/** Bins of the expected calibration error (Guo et al. 2017, equation 5). */
const confidenceBins = 15;
const sumsPerBin = 3;
const binsAt = 3;
const fixedSums = binsAt + sumsPerBin * confidenceBins;
const sumsPerOutput = 4;

/** How many sums there are, for a model with so many outputs. */
export const sumCount = ({ loss, metrics = [] }: MeasureFacts, outputs: number): number =>
  fixedSums + sumsPerOutput * targetCount(loss, outputs) + metrics.length;

export const emptySums = (facts: MeasureFacts, outputs: number): MetricSums =>
  new Float64Array(sumCount(facts, outputs));

/**
 * The sums that the built-in metrics follow from.
 * @param scales how each target was scaled, if it was
 */
export const sharedSums = (
  sums: MetricSums,
  { loss, metrics = [] }: MeasureFacts,
  scales: readonly TargetScale[],
): SharedSums => ({
  rows: sums[0]!,
  loss: sums[1]!,
  correct: sums[2]!,
  bins: Array.from({ length: confidenceBins }, (_, bin) => {
    const at = binsAt + sumsPerBin * bin;
    return { count: sums[at]!, confidence: sums[at + 1]!, hits: sums[at + 2]! };
  }),
  targets: Array.from({ length: (sums.length - fixedSums - metrics.length) / sumsPerOutput }, (_, k) => {
    const at = fixedSums + sumsPerOutput * k;
    const [squares, sizes, y, ySquares] = [sums[at]!, sums[at + 1]!, sums[at + 2]!, sums[at + 3]!];
    const scale = scales[k];
    // Errors of transformed targets are summed in their own units.
    return { squares, sizes, y, ySquares, deviation: scale && !scale.transform ? scale.deviation : 1 };
  }),
  positives: Array.from({ length: (sums.length - fixedSums - metrics.length) / sumsPerOutput }, (_, k) => {
    const at = fixedSums + sumsPerOutput * k;
    return { right: sums[at]!, predicted: sums[at + 1]!, actual: sums[at + 2]! };
  }).filter((_, k, { length }) => loss.labels === 'binary' || length !== 2 || k === 1),
});

/** Sums of the metrics of modules. */
export const moduleSums = (sums: MetricSums, { metrics = [] }: Pick<Measures, 'metrics'>): MetricSums =>
  sums.subarray(sums.length - metrics.length);

/** Counts a prediction into the bin of its confidence. */
function addConfidence(sums: MetricSums, confidence: number, isRight: boolean): void {
  const at = binsAt + sumsPerBin * Math.min(confidenceBins - 1, Math.floor(confidence * confidenceBins));
  sums[at]! += 1;
  sums[at + 1]! += confidence;
  sums[at + 2]! += isRight ? 1 : 0;
}

/** Counts a row for a class, or a label that does not exclude others. */
function addPositive(
  sums: MetricSums,
  k: number,
  { predicted, actual }: { predicted: boolean; actual: boolean },
): void {
  const at = fixedSums + sumsPerOutput * k;
  sums[at]! += predicted && actual ? 1 : 0;
  sums[at + 1]! += predicted ? 1 : 0;
  sums[at + 2]! += actual ? 1 : 0;
}

type Scales = readonly (TargetScale | undefined)[];

function addErrors(sums: MetricSums, { outputs, labels }: LossRow, scales: Scales): void {
  for (let k = 0; k < labels.length; k++) {
    const [output, label] = [outputs[k]!, labels[k]!];
    const scale = scales[k]?.transform ? scales[k] : undefined;
    const error = scale ? targetError(output, label, scale) : output - label;
    // Counted from the middle of the labels, so that sums of squares do not cancel.
    const y = scale ? unscaledTarget(label, scale) - unscaledTarget(0, scale) : label;
    const at = fixedSums + sumsPerOutput * k;
    sums[at]! += error * error;
    sums[at + 1]! += Math.abs(error);
    sums[at + 2]! += y;
    sums[at + 3]! += y * y;
  }
}

/** What a row adds in addition to its loss, by the kind of its labels. */
const addRow: Readonly<Record<LabelKind, (sums: MetricSums, row: LossRow, scales: Scales) => void>> = {
  class(sums, { outputs, labels }) {
    let best = 0;
    for (let k = 1; k < outputs.length; k++) if (outputs[k]! > outputs[best]!) best = k;
    const isRight = best === labels[0];
    sums[2]! += isRight ? 1 : 0;
    addPositive(sums, best, { predicted: true, actual: isRight });
    if (!isRight) addPositive(sums, labels[0]!, { predicted: false, actual: true });
    addConfidence(sums, Math.exp(outputs[best]! - logSumExp(outputs)), isRight);
  },
  binary(sums, row) {
    let correct = 1;
    for (let k = 0; k < row.labels.length; k++) {
      const [predicted, actual] = [row.outputs[k]! > 0, row.labels[k]! > 0.5];
      const isRight = predicted === actual;
      addPositive(sums, k, { predicted, actual });
      if (!isRight) correct = 0;
      addConfidence(sums, 1 / (1 + Math.exp(-Math.abs(row.outputs[k]!))), isRight);
    }
    sums[2]! += correct;
  },
  numbers: addErrors,
};

/**
 * Adds rows to `sums`, except those of classes that the model does not know.
 * @param outputs model outputs [rows, outputCount]
 * @param labels class indices [rows], or targets [rows, targets]
 * @param targets how targets were scaled, if they were; errors of those with a transform are summed in their own units
 */
export function addRows(
  sums: MetricSums,
  measures: Measures,
  batch: {
    rows: number;
    outputs: Float32Array;
    outputCount: number;
    labels: Float32Array;
    targets?: readonly TargetScale[];
  },
): void {
  const { loss, metrics = [] } = measures;
  const own = moduleSums(sums, measures);
  const { rows, outputs, outputCount, labels, targets = [] } = batch;
  const labelCount = loss.labels === 'class' ? 1 : targetCount(loss, outputCount);
  for (let i = 0; i < rows; i++) {
    const row = {
      outputs: outputs.subarray(i * outputCount, (i + 1) * outputCount),
      labels: labels.subarray(i * labelCount, (i + 1) * labelCount),
    };
    if (loss.labels === 'class' && row.labels[0]! >= outputCount) continue;
    sums[0]! += 1;
    sums[1]! += loss.row(row);
    addRow[loss.labels](sums, row, targets);
    metrics.forEach((metric, k) => (own[k]! += metric.row(row)));
  }
}
