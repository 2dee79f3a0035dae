// How regression targets are transformed and scaled for training, and how labels and outputs are converted back.
// Imports nothing, so that a browser gets only these few functions.

export const targetTransforms = ['log', 'log1p', 'yeoJohnson'] as const;
export type TargetTransform = (typeof targetTransforms)[number];

/** A target y was trained on as (t(y) − mean) / deviation; without a transform t(y) = y. */
export interface TargetScale {
  readonly mean: number;
  readonly deviation: number;
  /** log: ln y. log1p: ln(1 + y). yeoJohnson: `yeoJohnson(y, lambda)`. */
  readonly transform?: TargetTransform | undefined;
  readonly lambda?: number | undefined;
  /**
   * The largest label of the training rows if λ < 0, the smallest if λ > 2: beyond some output t then has no inverse,
   * and shortly before it values grow without bound, so predictions end here.
   */
  readonly limit?: number | undefined;
}

/** ((1 + y)^λ − 1) / λ for y ≥ 0, its limit ln(1 + y) for λ = 0. */
const powered = (y: number, lambda: number): number =>
  lambda === 0 ? Math.log1p(y) : Math.expm1(lambda * Math.log1p(y)) / lambda;

/** The inverse of `powered`; Infinity or NaN for what it does not reach. */
const unpowered = (t: number, lambda: number): number =>
  lambda === 0 ? Math.expm1(t) : Math.expm1(Math.log1p(lambda * t) / lambda);

const inverses: Readonly<Record<TargetTransform, (t: number, lambda: number) => number>> = {
  log: Math.exp,
  log1p: Math.expm1,
  yeoJohnson: (t, lambda) => (t < 0 ? -unpowered(-t, 2 - lambda) : unpowered(t, lambda)),
};

export const isTargetTransform = (name: unknown): name is TargetTransform => Object.hasOwn(inverses, name as string);

/** A power transform for numbers of any sign (Yeo and Johnson 2000, equation 2.1). */
export const yeoJohnson = (y: number, lambda: number): number =>
  y < 0 ? -powered(-y, 2 - lambda) : powered(y, lambda);

/** t(y); NaN for a number that the transform does not take. */
export function transformed(y: number, { transform, lambda }: Pick<TargetScale, 'transform' | 'lambda'>): number {
  if (transform === 'log') return y > 0 ? Math.log(y) : NaN;
  if (transform === 'log1p') return y > -1 ? Math.log1p(y) : NaN;
  return transform === 'yeoJohnson' ? yeoJohnson(y, lambda!) : y;
}

/** The label, or the undisturbed output, that a model is trained on for a target y. */
export const scaledTarget = (y: number, scale: TargetScale): number =>
  (transformed(y, scale) - scale.mean) / scale.deviation;

/** The label in its own units that a model was trained on as `value`: the inverse of `scaledTarget`. */
export function unscaledTarget(value: number, { mean, deviation, transform, lambda }: TargetScale): number {
  const t = value * deviation + mean;
  return transform ? inverses[transform](t, lambda!) : t;
}

/** A model's output in the units of the target. */
export function predictedTarget(output: number, scale: TargetScale): number {
  const value = unscaledTarget(output, scale);
  const { limit, lambda } = scale;
  if (limit === undefined) return value;
  // NaN is beyond the limit, too.
  return (lambda! < 0 ? value <= limit : value >= limit) ? value : limit;
}

/** How far a model's output is from a label, in the units of the target. */
export const targetError = (output: number, label: number, scale: TargetScale | undefined): number =>
  scale?.transform
    ? predictedTarget(output, scale) - unscaledTarget(label, scale)
    : (scale?.deviation ?? 1) * (output - label);

/** A model's outputs in the units of their targets; unchanged for targets without a scale. */
export const predictedTargets = (outputs: readonly number[], targets: readonly TargetScale[]): number[] =>
  outputs.map((output, k) => (targets[k] ? predictedTarget(output, targets[k]) : output));

/**
 * The deviation of a prediction whose output is normally distributed: half the distance between the values of the
 * outputs one standard deviation below and above, which are the quantiles 0.159 and 0.841 of the value, because
 * transforms keep order. Without a transform that is the standard deviation.
 * @param spread standard deviation of the output
 */
export function predictedDeviation(output: number, spread: number, scale: TargetScale | undefined): number {
  if (!scale?.transform) return (scale?.deviation ?? 1) * spread;
  return (predictedTarget(output + spread, scale) - predictedTarget(output - spread, scale)) / 2;
}
