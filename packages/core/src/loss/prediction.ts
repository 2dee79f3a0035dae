// From one row's outputs to what a user reads. Imports nothing, so that a browser gets only these few functions.

/** A target y was trained on as (y − mean) / deviation. */
export interface TargetScale {
  readonly mean: number;
  readonly deviation: number;
}

export interface Prediction {
  /** Values in the units of the targets, for regression. */
  readonly values?: readonly number[];
  /** Standard deviations of the values, in the same units, if the model gives them. */
  readonly deviations?: readonly number[];
  /** Most probable class if classes exclude each other, otherwise one class per output. */
  readonly class?: string | readonly string[];
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

/** Values of scaled targets, converted back to the units of the targets. */
export const inUnits = (values: readonly number[], targets: readonly TargetScale[]): number[] =>
  values.map((value, k) => (targets[k] ? value * targets[k].deviation + targets[k].mean : value));

/** The prediction from logits of classes that exclude each other. */
export function predictClass(outputs: readonly number[], { classes }: PredictionContext): Prediction {
  const probabilities = softmax(outputs);
  const best = probabilities.indexOf(Math.max(...probabilities));
  return { class: classes?.[best] ?? String(best), probabilities };
}

/** The prediction from one logit per independent yes or no. */
export function predictBinary(outputs: readonly number[], { classes }: PredictionContext): Prediction {
  const probabilities = outputs.map((z) => 1 / (1 + Math.exp(-z)));
  const named = probabilities.map((p) => classes?.[p > 0.5 ? 1 : 0] ?? (p > 0.5 ? '1' : '0'));
  const [only, ...others] = named;
  return { class: only === undefined || others.length > 0 ? named : only, probabilities };
}

/** The prediction from outputs that begin with one value per target. */
export const predictNumbers = (
  outputs: readonly number[],
  { targets, outputsPerTarget = 1 }: PredictionContext,
): Prediction => ({ values: inUnits(outputs.slice(0, outputs.length / outputsPerTarget), targets) });

/** The prediction from one mean per target, followed by one log-variance per target. */
export function predictGaussian(outputs: readonly number[], { targets }: PredictionContext): Prediction {
  const count = outputs.length / 2;
  return {
    values: inUnits(outputs.slice(0, count), targets),
    deviations: outputs.slice(count).map((logVariance, k) => (targets[k]?.deviation ?? 1) * Math.exp(logVariance / 2)),
  };
}
