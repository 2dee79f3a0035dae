// Metrics from a model's outputs, as sums that add up over rows and ranks. Doubles; no engine involved.
import type { LossName, MetricName } from './names.js';

/** A target y was trained on as (y − mean) / deviation. */
export interface TargetScale {
  readonly mean: number;
  readonly deviation: number;
}

/** The Huber loss's transition point, as in the recipe's `huber`. */
export const huberDelta = 1;

/** Sums over rows: [rows, loss, correct, then for each bin of confidence: count, confidence, hits, then for each output, or target of `gaussian`: squared error, absolute error, y, y²]. */
export type MetricSums = Float64Array;
/** Bins of the expected calibration error (Guo et al. 2017, equation 5). */
const confidenceBins = 15;
const sumsPerBin = 3;
const binsAt = 3;
const fixedSums = binsAt + sumsPerBin * confidenceBins;
const sumsPerOutput = 4;

export function emptySums(loss: LossName, outputs: number): MetricSums {
  return new Float64Array(fixedSums + sumsPerOutput * targetCount(loss, outputs));
}

/** How many outputs a model of so many targets has: with `gaussian` a mean for each, and behind these a log-variance for each. */
export const outputsFor = (loss: LossName, targets: number): number => (loss === 'gaussian' ? 2 * targets : targets);

/** Of how many targets so many outputs speak: what `outputsFor` is the inverse of. */
export const targetCount = (loss: LossName, outputs: number): number => (loss === 'gaussian' ? outputs / 2 : outputs);

/** log Σ exp(z/T), shifted by the maximum. */
function logSumExp(logits: Float32Array, offset: number, outputs: number): number {
  let max = -Infinity;
  for (let k = 0; k < outputs; k++) max = Math.max(max, logits[offset + k]);
  let sum = 0;
  for (let k = 0; k < outputs; k++) sum += Math.exp(logits[offset + k] - max);
  return max + Math.log(sum);
}

export function isClassification(loss: LossName): boolean {
  return loss === 'softmaxCrossEntropy' || loss === 'binaryCrossEntropy';
}

/** Counts a prediction into the bin of its confidence. */
function addConfidence(sums: MetricSums, confidence: number, isRight: boolean): void {
  const at = binsAt + sumsPerBin * Math.min(confidenceBins - 1, Math.floor(confidence * confidenceBins));
  sums[at] += 1;
  sums[at + 1] += confidence;
  sums[at + 2] += isRight ? 1 : 0;
}

/** Mean distance of confidence and share of hits, over the bins by their counts. */
function calibrationError(sums: MetricSums): number {
  let [count, distance] = [0, 0];
  for (let bin = 0; bin < confidenceBins; bin++) {
    const [predictions, confidence, hits] = sums.subarray(binsAt + sumsPerBin * bin);
    count += predictions;
    distance += Math.abs(hits - confidence);
  }
  return distance / count;
}

/** The metrics that a loss has, the headline one first. */
export function metricsOf(loss: LossName): MetricName[] {
  return isClassification(loss) ? ['errors', 'accuracy', 'loss', 'ece'] : ['r2', 'rmse', 'mae', 'loss'];
}

/** Loss of one row, mean over its targets; outputs are logits for classification. */
function rowLoss(
  loss: LossName,
  row: {
    outputs: Float32Array;
    outputOffset: number;
    outputCount: number;
    labels: Float32Array;
    labelOffset: number;
    labelCount: number;
  },
): number {
  const { outputs, outputOffset, outputCount, labels, labelOffset, labelCount } = row;
  if (loss === 'softmaxCrossEntropy')
    return logSumExp(outputs, outputOffset, outputCount) - outputs[outputOffset + labels[labelOffset]];
  let sum = 0;
  for (let k = 0; k < labelCount; k++) {
    const z = outputs[outputOffset + k];
    const y = labels[labelOffset + k];
    const error = Math.abs(z - y);
    if (loss === 'binaryCrossEntropy') sum += Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z)));
    else if (loss === 'mse') sum += error * error;
    else if (loss === 'mae') sum += error;
    else if (loss === 'gaussian') {
      const logVariance = outputs[outputOffset + labelCount + k];
      sum += 0.5 * (error * error * Math.exp(-logVariance) + logVariance);
    } else sum += error <= huberDelta ? 0.5 * error * error : huberDelta * (error - 0.5 * huberDelta);
  }
  return sum / labelCount;
}

/**
 * Adds rows to `sums`, but for those of classes that the model does not know.
 * @param outputs model outputs [rows, outputCount]
 * @param labels class indices [rows] for softmaxCrossEntropy, else targets [rows, outputCount], half as many for gaussian
 */
export function addRows(
  sums: MetricSums,
  loss: LossName,
  batch: { rows: number; outputs: Float32Array; outputCount: number; labels: Float32Array },
): void {
  const { rows, outputs, outputCount, labels } = batch;
  const labelCount = loss === 'softmaxCrossEntropy' ? 1 : targetCount(loss, outputCount);
  for (let i = 0; i < rows; i++) {
    const outputOffset = i * outputCount;
    const labelOffset = i * labelCount;
    if (loss === 'softmaxCrossEntropy' && labels[labelOffset] >= outputCount) continue;
    sums[0] += 1;
    sums[1] += rowLoss(loss, { outputs, outputOffset, outputCount, labels, labelOffset, labelCount });
    if (loss === 'softmaxCrossEntropy') {
      let best = 0;
      for (let k = 1; k < outputCount; k++) if (outputs[outputOffset + k] > outputs[outputOffset + best]) best = k;
      const isRight = best === labels[labelOffset];
      sums[2] += isRight ? 1 : 0;
      addConfidence(
        sums,
        Math.exp(outputs[outputOffset + best] - logSumExp(outputs, outputOffset, outputCount)),
        isRight,
      );
      continue;
    }
    let correct = 1;
    for (let k = 0; k < labelCount; k++) {
      const y = labels[labelOffset + k];
      const error = outputs[outputOffset + k] - y;
      const isRight = outputs[outputOffset + k] > 0 === y > 0.5;
      if (!isRight) correct = 0;
      if (loss === 'binaryCrossEntropy')
        addConfidence(sums, 1 / (1 + Math.exp(-Math.abs(outputs[outputOffset + k]))), isRight);
      const at = fixedSums + sumsPerOutput * k;
      sums[at] += error * error;
      sums[at + 1] += Math.abs(error);
      sums[at + 2] += y;
      sums[at + 3] += y * y;
    }
    sums[2] += loss === 'binaryCrossEntropy' ? correct : 0;
  }
}

export type Metrics = Partial<Record<MetricName, number>> & { loss: number; rows: number };

/**
 * The metrics that make sense for a loss. Those of regression are means over outputs: `r2` of 1 − Σ(f−y)²/Σ(y−ȳ)²,
 * `rmse` (before the root) and `mae` in the units of the targets; `loss` is on the scale that was trained on.
 * @param targets how each output was scaled, where it was
 */
export function finishMetrics(loss: LossName, sums: MetricSums, targets: readonly TargetScale[] = []): Metrics {
  const rows = sums[0];
  const common = { loss: sums[1] / rows, rows };
  if (isClassification(loss))
    return { ...common, accuracy: sums[2] / rows, errors: rows - sums[2], ece: calibrationError(sums) };
  const outputs = (sums.length - fixedSums) / sumsPerOutput;
  let [squared, absolute, r2] = [0, 0, 0];
  for (let k = 0; k < outputs; k++) {
    const [squares, sizes, y, ySquares] = sums.subarray(fixedSums + sumsPerOutput * k);
    const deviation = targets[k]?.deviation ?? 1;
    squared += (deviation ** 2 * squares) / rows / outputs;
    absolute += (deviation * sizes) / rows / outputs;
    r2 += (1 - squares / (ySquares - (y * y) / rows)) / outputs;
  }
  return { ...common, rmse: Math.sqrt(squared), mae: absolute, r2 };
}

/** Metrics of the sums of all ranks, added up in rank order. */
export function totalMetrics(loss: LossName, values: Iterable<MetricSums>, targets: readonly TargetScale[]): Metrics {
  const [first, ...others] = values;
  const total = first.slice();
  for (const sums of others) for (let i = 0; i < total.length; i++) total[i] += sums[i];
  return finishMetrics(loss, total, targets);
}

/** Whether a smaller value of the metric is better. */
export function smallerIsBetter(metric: MetricName): boolean {
  return metric !== 'accuracy' && metric !== 'r2';
}
