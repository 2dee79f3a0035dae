// Positions of values along an axis, and the values that are written next to it.
import { formatValue } from '@stillhouse/core';
import { rounded } from './svg.js';

export interface Scale<T = number> {
  /** From 0 at the axis's beginning to 1 at its end. */
  readonly shareOf: (value: T) => number;
  readonly ticks: readonly { readonly share: number; readonly label: string }[];
}

/** About five round numbers at equal distances that enclose all values. */
export function steps(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const largest = Math.max(Math.abs(low), Math.abs(high));
  // Values that are almost equal are put in the middle of a scale of their own size.
  const distance = (high - low > 1e-6 * largest ? high - low : largest || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(distance));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= distance * 0.999)!;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A linear scale between round numbers that enclose all values. */
export function linearScale(values: readonly number[], label: (value: number) => string = formatValue): Scale {
  const marks = steps(values);
  const [low, high] = [marks[0], marks.at(-1)!];
  const shareOf = (value: number): number => (value - low) / (high - low);
  return { shareOf, ticks: marks.map((mark) => ({ share: shareOf(mark), label: label(mark) })) };
}

export const quarters: readonly number[] = [0, 0.25, 0.5, 0.75, 1];

/** Margin at both ends, so that dots there are not cut off. */
const padded = (share: number): number => 0.04 + 0.92 * share;

/** A logarithmic scale from the smallest value to the largest, with marks at its quarters. */
export function logScale(values: readonly number[], label: (value: number) => string): Scale {
  const logs = values.map(Math.log);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  return {
    shareOf: (value) => padded(high > low ? (Math.log(value) - low) / (high - low) : 0.5),
    ticks: quarters.map((at) => ({
      share: padded(at),
      label: label(Math.exp(low + at * (high - low))),
    })),
  };
}

/**
 * A scale with a mark at each of a few values: evenly if they are not numbers, otherwise by their size, on a
 * logarithmic scale if they span a decade or more.
 */
export function listScale(values: readonly unknown[], label: (value: unknown) => string): Scale<unknown> {
  const shares = sharesOf(values).map(padded);
  const keys = values.map((value) => JSON.stringify(value));
  return {
    shareOf: (value) => shares[keys.indexOf(JSON.stringify(value))],
    ticks: values.map((value, i) => ({ share: shares[i], label: label(value) })),
  };
}

function sharesOf(values: readonly unknown[]): number[] {
  if (!values.every((value) => typeof value === 'number'))
    return values.map((_, i) => (values.length === 1 ? 0.5 : i / (values.length - 1)));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const scale = least > 0 && most / least >= 10 ? Math.log : (value: number) => value;
  const [low, high] = [scale(least), scale(most)];
  return values.map((value) => (high > low ? (scale(value) - low) / (high - low) : 0.5));
}

/** A scale of shares, with given texts as marks. */
export const shareScale = (valueAt: (share: number) => number): Scale => ({
  shareOf: (share) => share,
  ticks: quarters.map((share) => ({ share, label: rounded(valueAt(share)) })),
});
