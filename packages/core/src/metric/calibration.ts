// Temperature scaling: one number by which a model's logits are divided so that its probabilities match its accuracy
// (Guo et al. 2017, section 4.2).
import type { Loss } from '../loss/define-loss.js';
import { finishMetrics } from './metrics.js';
import { addRows, emptySums } from './sums.js';

export interface LabelledOutputs {
  /** Logits [rows, outputCount]. */
  readonly outputs: Float32Array;
  readonly outputCount: number;
  /** Class indices [rows], or targets [rows, outputCount]. */
  readonly labels: Float32Array;
  readonly rows: number;
}

export interface Calibration {
  readonly temperature: number;
  readonly rows: number;
  /**
   * Mean loss and expected calibration error on those rows, for the logits as they are and divided by the temperature.
   */
  readonly before: { readonly loss: number; readonly ece: number };
  readonly after: { readonly loss: number; readonly ece: number };
}

/** Logarithms of the temperatures that are searched. */
const range = [-3, 4] as const;
const golden = (Math.sqrt(5) - 1) / 2;

/**
 * The temperature of the least mean loss, found by golden-section search over its logarithm: the loss is convex in 1/T.
 */
export function fitTemperature(loss: Loss, { outputs, ...batch }: LabelledOutputs): Calibration {
  const at = (temperature: number): { loss: number; ece: number; rows: number } => {
    const sums = emptySums({ loss }, batch.outputCount);
    addRows(sums, { loss }, { ...batch, outputs: outputs.map((value) => value / temperature) });
    const metrics = finishMetrics({ loss }, sums);
    return { loss: metrics.loss, ece: metrics.ece!, rows: metrics.rows };
  };
  const lossAt = (log: number): number => at(Math.exp(log)).loss;
  let [low, high]: [number, number] = [range[0], range[1]];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [lossLeft, lossRight] = [lossAt(left), lossAt(right)];
  for (let i = 0; i < 40; i++) {
    if (lossLeft < lossRight) {
      [high, right, lossRight] = [right, left, lossLeft];
      left = high - golden * (high - low);
      lossLeft = lossAt(left);
    } else {
      [low, left, lossLeft] = [left, right, lossRight];
      right = low + golden * (high - low);
      lossRight = lossAt(right);
    }
  }
  const temperature = Math.fround(Math.exp((low + high) / 2));
  const { rows, ...before } = at(1);
  const { loss: lossAfter, ece } = at(temperature);
  return { temperature, rows, before, after: { loss: lossAfter, ece } };
}
