// Means over seeds, and their uncertainty.

export interface Estimate {
  readonly n: number;
  readonly mean: number;
  /** Sample standard deviation; 0 for a single value. */
  readonly deviation: number;
  /** Half the width of the 95 % confidence interval of the mean (Student 1908); Infinity for a single value. */
  readonly halfWidth: number;
}

/**
 * Distribution function of Student's t, by the incomplete beta function's recurrences for whole degrees of freedom
 * (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
 */
function within(t: number, degrees: number): number {
  const theta = Math.atan(t / Math.sqrt(degrees));
  const [sin, cos] = [Math.sin(theta), Math.cos(theta)];
  let [term, sum] = degrees % 2 === 1 ? [cos, degrees === 1 ? 0 : cos] : [1, 1];
  for (let k = degrees % 2 === 1 ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= (cos * cos * (k - 1)) / k;
    sum += term;
  }
  return degrees % 2 === 1 ? (2 / Math.PI) * (theta + sin * sum) : sin * sum;
}

/** t with P(|T| ≤ t) = 0.95. */
export function tQuantile95(degrees: number): number {
  let [low, high] = [1.9, 13];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (within(middle, degrees) < 0.95) low = middle;
    else high = middle;
  }
  return high;
}

/** @param values at least one */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, deviation: 0, halfWidth: Infinity };
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  return { n, mean, deviation, halfWidth: (tQuantile95(n - 1) * deviation) / Math.sqrt(n) };
}
