// Metrics from a model's outputs, as sums that add up over rows and ranks. Doubles; no engine involved.
import { invariant } from '../error/errors.js';
import { targetCount, type LabelKind, type Loss, type LossFacts, type LossRow } from '../loss/define-loss.js';
import type { TargetScale } from '../loss/prediction.js';
import { logSumExp } from '../loss/softmax-cross-entropy.js';
import type { MetricName } from './names.js';

/**
 * Sums over rows: [rows, loss, correct, then per bin of confidence: count, confidence, hits, then per target: squared
 * error, absolute error, y, y²].
 */
export type MetricSums = Float64Array;
/** Bins of the expected calibration error (Guo et al. 2017, equation 5). */
const confidenceBins = 15;
const sumsPerBin = 3;
const binsAt = 3;
const fixedSums = binsAt + sumsPerBin * confidenceBins;
const sumsPerOutput = 4;

export function emptySums(loss: LossFacts, outputs: number): MetricSums {
  return new Float64Array(fixedSums + sumsPerOutput * targetCount(loss, outputs));
}

/** Counts a prediction into the bin of its confidence. */
function addConfidence(sums: MetricSums, confidence: number, isRight: boolean): void {
  const at = binsAt + sumsPerBin * Math.min(confidenceBins - 1, Math.floor(confidence * confidenceBins));
  sums[at]! += 1;
  sums[at + 1]! += confidence;
  sums[at + 2]! += isRight ? 1 : 0;
}

/** Mean distance between confidence and accuracy over the bins, weighted by their counts. */
function calibrationError(sums: MetricSums): number {
  let [count, distance] = [0, 0];
  for (let bin = 0; bin < confidenceBins; bin++) {
    const at = binsAt + sumsPerBin * bin;
    count += sums[at]!;
    distance += Math.abs(sums[at + 2]! - sums[at + 1]!);
  }
  return distance / count;
}

function addErrors(sums: MetricSums, { outputs, labels }: LossRow): void {
  for (let k = 0; k < labels.length; k++) {
    const y = labels[k]!;
    const error = outputs[k]! - y;
    const at = fixedSums + sumsPerOutput * k;
    sums[at]! += error * error;
    sums[at + 1]! += Math.abs(error);
    sums[at + 2]! += y;
    sums[at + 3]! += y * y;
  }
}

/** The metrics that a loss has, the headline one first. */
export function metricsOf(loss: LossFacts): MetricName[] {
  return loss.labels !== 'numbers' ? ['errors', 'accuracy', 'loss', 'ece'] : ['r2', 'rmse', 'mae', 'loss'];
}

/** What a row adds in addition to its loss, by the kind of its labels. */
const addRow: Readonly<Record<LabelKind, (sums: MetricSums, row: LossRow) => void>> = {
  class(sums, { outputs, labels }) {
    let best = 0;
    for (let k = 1; k < outputs.length; k++) if (outputs[k]! > outputs[best]!) best = k;
    const isRight = best === labels[0];
    sums[2]! += isRight ? 1 : 0;
    addConfidence(sums, Math.exp(outputs[best]! - logSumExp(outputs)), isRight);
  },
  binary(sums, row) {
    let correct = 1;
    for (let k = 0; k < row.labels.length; k++) {
      const isRight = row.outputs[k]! > 0 === row.labels[k]! > 0.5;
      if (!isRight) correct = 0;
      addConfidence(sums, 1 / (1 + Math.exp(-Math.abs(row.outputs[k]!))), isRight);
    }
    addErrors(sums, row);
    sums[2]! += correct;
  },
  numbers: addErrors,
};

/**
 * Adds rows to `sums`, except those of classes that the model does not know.
 * @param outputs model outputs [rows, outputCount]
 * @param labels class indices [rows], or targets [rows, targets]
 */
export function addRows(
  sums: MetricSums,
  loss: Loss,
  batch: { rows: number; outputs: Float32Array; outputCount: number; labels: Float32Array },
): void {
  const { rows, outputs, outputCount, labels } = batch;
  const labelCount = loss.labels === 'class' ? 1 : targetCount(loss, outputCount);
  for (let i = 0; i < rows; i++) {
    const row = {
      outputs: outputs.subarray(i * outputCount, (i + 1) * outputCount),
      labels: labels.subarray(i * labelCount, (i + 1) * labelCount),
    };
    if (loss.labels === 'class' && row.labels[0]! >= outputCount) continue;
    sums[0]! += 1;
    sums[1]! += loss.row(row);
    addRow[loss.labels](sums, row);
  }
}

export type Metrics = Partial<Record<MetricName, number>> & { loss: number; rows: number };

/**
 * The metrics that make sense for a loss. Those of regression are means over outputs: `r2` is 1 − Σ(f−y)²/Σ(y−ȳ)²,
 * `rmse` (before the root) and `mae` in the units of the targets; `loss` is on the scale of training.
 * @param targets how each output was scaled, if it was
 */
export function finishMetrics(loss: LossFacts, sums: MetricSums, targets: readonly TargetScale[] = []): Metrics {
  const [rows, total, correct] = [sums[0]!, sums[1]!, sums[2]!];
  const common = { loss: total / rows, rows };
  if (loss.labels !== 'numbers')
    return { ...common, accuracy: correct / rows, errors: rows - correct, ece: calibrationError(sums) };
  const outputs = (sums.length - fixedSums) / sumsPerOutput;
  let [squared, absolute, r2] = [0, 0, 0];
  for (let k = 0; k < outputs; k++) {
    const at = fixedSums + sumsPerOutput * k;
    const [squares, sizes, y, ySquares] = [sums[at]!, sums[at + 1]!, sums[at + 2]!, sums[at + 3]!];
    const deviation = targets[k]?.deviation ?? 1;
    squared += (deviation ** 2 * squares) / rows / outputs;
    absolute += (deviation * sizes) / rows / outputs;
    r2 += (1 - squares / (ySquares - (y * y) / rows)) / outputs;
  }
  return { ...common, rmse: Math.sqrt(squared), mae: absolute, r2 };
}

/** Metrics of the sums of all ranks, added up in rank order. */
export function totalMetrics(loss: LossFacts, values: Iterable<MetricSums>, targets: readonly TargetScale[]): Metrics {
  const [first, ...others] = values;
  invariant(first, 'the sums of at least one rank');
  const total = first.slice();
  for (const sums of others) for (let i = 0; i < total.length; i++) total[i]! += sums[i]!;
  return finishMetrics(loss, total, targets);
}

/** Whether a smaller value of the metric is better. */
export function smallerIsBetter(metric: MetricName): boolean {
  return metric !== 'accuracy' && metric !== 'r2';
}
