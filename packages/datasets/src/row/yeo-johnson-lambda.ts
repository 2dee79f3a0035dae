// The λ of the Yeo–Johnson transform by maximum likelihood, from a few readings of the numbers, none of which is kept.
import { yeoJohnson } from '@stillhouse/core/training';
import { NumberSummary } from './number-summary.js';

/** Numbers of some rows, some at a time; each call reads them from the beginning. */
export type NumberReading = () => AsyncIterable<ArrayLike<number>>;

const [least, most] = [-2, 4];
/** Intervals that a reading divides the range of λ into; the next reading looks at two of them. */
const intervals = 24;
const readings = 3;
/** A smaller deviation, relative to the mean, is rounding: λ is too far from 1 for doubles. */
const resolution = 1e-9;

/**
 * The log-likelihood of each λ up to a constant (Yeo and Johnson 2000, equation 3.1): −n/2·ln σ² + (λ − 1)·Σ
 * sign(y)·ln(1 + |y|), σ² the variance of the transformed numbers.
 */
async function logLikelihoods(numbers: NumberReading, lambdas: readonly number[]): Promise<number[]> {
  const summaries = lambdas.map((lambda) => new NumberSummary((y) => yeoJohnson(y, lambda)));
  let logs = 0;
  for await (const some of numbers()) {
    const finite = Float64Array.from(some).filter(Number.isFinite);
    for (const y of finite) logs += Math.sign(y) * Math.log1p(Math.abs(y));
    for (const summary of summaries) summary.add(finite, undefined);
  }
  return summaries.map(({ count, deviation, mean, isConstant }, i) =>
    isConstant || !(deviation > resolution * Math.abs(mean))
      ? -Infinity
      : -count * Math.log(deviation) + (lambdas[i] - 1) * logs,
  );
}

/** How far the vertex of the parabola through three values at distance 1 is from the middle; 0 if it has none. */
function vertexOf(before = -Infinity, middle: number, after = -Infinity): number {
  const curvature = before - 2 * middle + after;
  return Number.isFinite(curvature) && curvature < 0 ? (before - after) / (2 * curvature) : 0;
}

/** @returns λ between −2 and 4; 1, which changes nothing, if the numbers do not vary */
export async function fitLambda(numbers: NumberReading): Promise<number> {
  let [from, to] = [least, most];
  for (let reading = 1; ; reading++) {
    const distance = (to - from) / intervals;
    const lambdas = Array.from({ length: intervals + 1 }, (_, i) => from + i * distance);
    const values = await logLikelihoods(numbers, lambdas);
    const best = values.indexOf(Math.max(...values));
    if (values[best] === -Infinity) return 1;
    if (reading === readings)
      return lambdas[best] + distance * vertexOf(values[best - 1], values[best], values[best + 1]);
    [from, to] = [Math.max(least, lambdas[best] - distance), Math.min(most, lambdas[best] + distance)];
  }
}
