// From one row's outputs to what a user reads. Imports only what a browser needs for it.
import { predictedDeviation, predictedTargets, type TargetScale } from './target-scale.js';

export interface Prediction {
  /** Values in the units of the targets, for regression. */
  readonly values?: readonly number[];
  /**
   * Standard deviations of the values, in the same units, if the model gives them; for a transformed target half the
   * distance between the quantiles 0.159 and 0.841, around the median.
   */
  readonly deviations?: readonly number[];
  /** Most probable class if classes exclude each other, otherwise one class per output. */
  readonly class?: string | readonly string[];
  /** One per class if classes exclude each other, otherwise that of the class 1 per output. */
  readonly probabilities?: readonly number[];
}

/** What a prediction needs to know about the data, in addition to the outputs. */
export interface PredictionContext {
  /** Names of the classes in the order of the outputs; null if the data numbers its classes, from 0. */
  readonly classes: readonly string[] | null;
  /** Scales of the targets; empty if they were not scaled. */
  readonly targets: readonly TargetScale[];
  readonly outputsPerTarget?: number | undefined;
}

/** The probabilities that logits stand for. */
export function softmax(logits: readonly number[]): number[] {
  const max = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - max));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** The prediction from logits of classes that exclude each other. */
export function predictClass(outputs: readonly number[], { classes }: PredictionContext): Prediction {
  const probabilities = softmax(outputs);
  const best = probabilities.indexOf(Math.max(...probabilities));
  return { class: classes?.[best] ?? String(best), probabilities };
}

/** The prediction from one logit per independent yes or no; a single one stands for two classes, the first at 0. */
export function predictBinary(outputs: readonly number[], context: PredictionContext): Prediction {
  if (outputs.length === 1) return predictClass([0, ...outputs], context);
  const probabilities = outputs.map((z) => 1 / (1 + Math.exp(-z)));
  return { class: probabilities.map((p) => (p > 0.5 ? '1' : '0')), probabilities };
}

/** The prediction from outputs that begin with one value per target. */
export const predictNumbers = (
  outputs: readonly number[],
  { targets, outputsPerTarget = 1 }: PredictionContext,
): Prediction => ({ values: predictedTargets(outputs.slice(0, outputs.length / outputsPerTarget), targets) });

/** The prediction from one mean per target, followed by one log-variance per target. */
export function predictGaussian(outputs: readonly number[], { targets }: PredictionContext): Prediction {
  const means = outputs.slice(0, outputs.length / 2);
  return {
    values: predictedTargets(means, targets),
    deviations: means.map((mean, k) => predictedDeviation(mean, Math.exp(outputs[means.length + k]! / 2), targets[k])),
  };
}
