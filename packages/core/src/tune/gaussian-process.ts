// A Gaussian process over [0, 1]^d, to propose where a search should look next (Rasmussen and Williams 2006, algorithm
// 2.1).

export type Vector = readonly number[];

/** Matérn's kernel with ν = 5/2 (equation 4.17) of two points. */
function matern(a: Vector, b: Vector, lengthScale: number): number {
  const r = (Math.sqrt(5) * Math.hypot(...a.map((value, i) => value - b[i]!))) / lengthScale;
  return (1 + r + (r * r) / 3) * Math.exp(-r);
}

/** L with L·Lᵀ = A. */
function cholesky(matrix: readonly Vector[]): number[][] {
  const lower: number[][] = [];
  for (const values of matrix) {
    const row: number[] = [];
    lower.push(row);
    for (const [k, other] of lower.entries()) {
      let sum = values[k]!;
      for (let j = 0; j < k; j++) sum -= row[j]! * other[j]!;
      row.push(other === row ? Math.sqrt(Math.max(sum, 1e-12)) : sum / other[k]!);
    }
  }
  return lower;
}

function solveLower(lower: readonly Vector[], b: Vector): number[] {
  const x: number[] = [];
  for (const [i, row] of lower.entries()) {
    let sum = b[i]!;
    for (let j = 0; j < i; j++) sum -= row[j]! * x[j]!;
    x.push(sum / row[i]!);
  }
  return x;
}

function solveUpper(lower: readonly Vector[], b: Vector): number[] {
  const x = new Array<number>(b.length).fill(0);
  for (let i = b.length - 1; i >= 0; i--) {
    let sum = b[i]!;
    for (let j = i + 1; j < b.length; j++) sum -= lower[j]![i]! * x[j]!;
    x[i] = sum / lower[i]![i]!;
  }
  return x;
}

export interface Belief {
  readonly mean: number;
  readonly deviation: number;
}

export type Process = (point: Vector) => Belief;

const lengthScales = [0.1, 0.2, 0.4, 0.8, 1.6];
const noises = [0.01, 0.1, 0.5, 1];

interface Fit {
  readonly lengthScale: number;
  readonly lower: readonly Vector[];
  readonly alpha: Vector;
  /** Logarithm of the marginal likelihood, up to a constant. */
  readonly likelihood: number;
}

function fit(points: readonly Vector[], y: Vector, lengthScale: number, noise: number): Fit {
  const lower = cholesky(points.map((a, i) => points.map((b, k) => matern(a, b, lengthScale) + (i === k ? noise : 0))));
  const alpha = solveUpper(lower, solveLower(lower, y));
  const likelihood =
    -0.5 * y.reduce((sum, value, i) => sum + value * alpha[i]!, 0) -
    lower.reduce((sum, row, i) => sum + Math.log(row[i]!), 0);
  return { lengthScale, lower, alpha, likelihood };
}

/**
 * The posterior of a function given some noisy values of it; length scale and noise are those of the greatest marginal
 * likelihood on a small grid.
 * @param points at least one
 */
export function gaussianProcess(points: readonly Vector[], values: Vector): Process {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1;
  const y = values.map((value) => (value - mean) / scale);
  const fits = lengthScales.flatMap((lengthScale) => noises.map((noise) => fit(points, y, lengthScale, noise)));
  const { lengthScale, lower, alpha } = fits.reduce((best, each) => (each.likelihood > best.likelihood ? each : best));
  return (point) => {
    const covariances = points.map((each) => matern(each, point, lengthScale));
    const v = solveLower(lower, covariances);
    const variance = 1 - v.reduce((sum, value) => sum + value * value, 0);
    return {
      mean: mean + scale * covariances.reduce((sum, value, i) => sum + value * alpha[i]!, 0),
      deviation: scale * Math.sqrt(Math.max(variance, 0)),
    };
  };
}

/** Standard normal density and distribution (Abramowitz and Stegun 1964, 26.2.17). */
const density = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
function distribution(z: number): number {
  if (z < 0) return 1 - distribution(-z);
  const t = 1 / (1 + 0.2316419 * z);
  return (
    1 - density(z) * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  );
}

/** Expected improvement of a value below `least` (Jones, Schonlau and Welch 1998, equation 15). */
export function expectedImprovement({ mean, deviation }: Belief, least: number): number {
  if (deviation === 0) return Math.max(0, least - mean);
  const z = (least - mean) / deviation;
  return (least - mean) * distribution(z) + deviation * density(z);
}
