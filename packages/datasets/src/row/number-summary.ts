// The statistics of numbers that preprocessing needs: count, range, mean and deviation, in one pass.
import type { Numbers } from '@stillhouse/core';

/** Count, extremes, mean and squared deviation of numbers, chunk by chunk (Chan, Golub and LeVeque 1979). */
export class NumberSummary {
  count = 0;
  missing = 0;
  min = Infinity;
  max = -Infinity;
  mean = 0;
  #squares = 0;

  /** @param transform NaN for numbers that do not count */
  constructor(private readonly transform: (value: number) => number = (value) => value) {}

  /** @param rows positions of the rows that count; all by default */
  add(cells: Numbers, rows: readonly number[] | undefined): void {
    const { transform } = this;
    const total = rows ? rows.length : cells.length;
    let shift = NaN;
    let [count, sum, squares] = [0, 0, 0];
    for (let i = 0; i < total; i++) {
      const cell = cells[rows ? rows[i] : i];
      const value = transform(cell);
      if (value !== value) continue;
      if (cell < this.min) this.min = cell;
      if (cell > this.max) this.max = cell;
      if (count === 0) shift = value;
      const difference = value - shift;
      sum += difference;
      squares += difference * difference;
      count += 1;
    }
    this.missing += total - count;
    if (count === 0) return;
    const mean = shift + sum / count;
    const all = this.count + count;
    const apart = mean - this.mean;
    this.#squares += Math.max(0, squares - (sum * sum) / count) + (apart * apart * this.count * count) / all;
    this.mean += (apart * count) / all;
    this.count = all;
  }

  /** Whether all numbers are equal after the transform. */
  get isConstant(): boolean {
    return this.#squares === 0;
  }

  /** Standard deviation of the population; 1 instead of 0. */
  get deviation(): number {
    return Math.sqrt(this.#squares / Math.max(1, this.count)) || 1;
  }
}
