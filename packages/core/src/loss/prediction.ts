// From one row's outputs to what a user reads. Imports nothing, so that a browser gets these few functions alone.

/** A target y was trained on as (y − mean) / deviation. */
export interface TargetScale {
  readonly mean: number;
  readonly deviation: number;
}

export interface Prediction {
  /** Values, for regression. */
  readonly values?: readonly number[];
  /** Standard deviations of the values, where the model knows them. */
  readonly deviations?: readonly number[];
  /** Most probable class, for classes that exclude each other, or each output's, for those that do not. */
  readonly class?: string | readonly string[];
  readonly probabilities?: readonly number[];
}

/** What is known of the data beside the outputs. */
export interface PredictionContext {
  /** Names of the classes in the order of the outputs; numbers count from 0 where the data has no names. */
  readonly classes: readonly string[] | null;
  /** Empty where the targets were not scaled. */
  readonly targets: readonly TargetScale[];
  readonly outputsPerTarget?: number | undefined;
}

/** Probabilities of logits. */
export function softmax(logits: readonly number[]): number[] {
  const max = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - max));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** Scaled targets in their own units. */
export const inUnits = (values: readonly number[], targets: readonly TargetScale[]): number[] =>
  values.map((value, k) => (targets[k] ? value * targets[k].deviation + targets[k].mean : value));

/** Of logits of classes that exclude each other. */
export function predictClass(outputs: readonly number[], { classes }: PredictionContext): Prediction {
  const probabilities = softmax(outputs);
  const best = probabilities.indexOf(Math.max(...probabilities));
  return { class: classes?.[best] ?? String(best), probabilities };
}

/** Of a logit per independent yes or no. */
export function predictBinary(outputs: readonly number[], { classes }: PredictionContext): Prediction {
  const probabilities = outputs.map((z) => 1 / (1 + Math.exp(-z)));
  const named = probabilities.map((p) => classes?.[p > 0.5 ? 1 : 0] ?? (p > 0.5 ? '1' : '0'));
  const [only, ...others] = named;
  return { class: only === undefined || others.length > 0 ? named : only, probabilities };
}

/** Of a value per target, and what else there is per target after all of these. */
export const predictNumbers = (
  outputs: readonly number[],
  { targets, outputsPerTarget = 1 }: PredictionContext,
): Prediction => ({ values: inUnits(outputs.slice(0, outputs.length / outputsPerTarget), targets) });

/** Of a mean per target, followed by a log-variance per target. */
export function predictGaussian(outputs: readonly number[], { targets }: PredictionContext): Prediction {
  const count = outputs.length / 2;
  return {
    values: inUnits(outputs.slice(0, count), targets),
    deviations: outputs.slice(count).map((logVariance, k) => (targets[k]?.deviation ?? 1) * Math.exp(logVariance / 2)),
  };
}
