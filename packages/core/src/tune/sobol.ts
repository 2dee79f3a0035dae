// Sobol's low-discrepancy sequence in Gray-code order (Antonov and Saleev 1979), with the direction numbers of Joe and
// Kuo (2008, new-joe-kuo-6) and a digital shift by the seed (Cranley and Patterson 1976, as in Owen 2003).
import { invariant } from '../error/errors.js';
import { hashWords } from '../random/random.js';

/** Degree and coefficients of the primitive polynomial, and the first direction numbers, of dimensions 2 to 10. */
const table: readonly (readonly [degree: number, coefficients: number, first: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
];

export const sobolDimensions = table.length + 1;

const bits = 32;

function directionsOf(dimension: number): number[] {
  if (dimension === 0) return Array.from({ length: bits }, (_, i) => (2 ** (bits - 1 - i)) >>> 0);
  const row = table[dimension - 1];
  invariant(row, `dimension ${dimension} of ${sobolDimensions}`);
  const [degree, coefficients, first] = row;
  const directions = first.map((value, i) => (value * 2 ** (bits - 1 - i)) >>> 0);
  for (let i = degree; i < bits; i++) {
    let value = directions[i - degree]! ^ (directions[i - degree]! >>> degree);
    for (let k = 1; k < degree; k++) if ((coefficients >> (degree - 1 - k)) & 1) value ^= directions[i - k]!;
    directions.push(value >>> 0);
  }
  return directions;
}

/**
 * Points [from, from + count) of the sequence in [0, 1)^dimensions.
 * @param seed shifts all points; undefined leaves the sequence unshifted, with the origin first
 */
export function sobolPoints(
  dimensions: number,
  { from = 0, count, seed }: { from?: number; count: number; seed?: number },
): number[][] {
  const directions = Array.from({ length: dimensions }, (_, d) => directionsOf(d));
  const state = directions.map((_, d) => (seed === undefined ? 0 : hashWords(seed, d)));
  const points: number[][] = [];
  for (let i = 0; i < from + count; i++) {
    if (i >= from) points.push(state.map((value) => (value >>> 0) / 2 ** bits));
    // The position of the lowest zero bit of i.
    const place = Math.min(bits - 1, 31 - Math.clz32(~i & (i + 1)));
    directions.forEach((each, d) => (state[d] = (state[d]! ^ each[place]!) >>> 0));
  }
  return points;
}
