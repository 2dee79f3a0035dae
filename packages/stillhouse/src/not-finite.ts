// Rows for which a model's prediction is no finite number: they would make metrics so too, and print as Infinity.
import { predictionOf, type ModelMetadata } from '@stillhouse/core';
import { countOf, formatCount } from './tables.js';

type Reading = Parameters<typeof predictionOf>[1];

/** Counts such rows. */
export class NotFiniteRows {
  #rows = 0;
  #count = 0;
  /** Counted from 1. */
  #first = 0;

  constructor(private readonly reading: Reading & Pick<ModelMetadata, 'outputs'>) {}

  /** @param outputs of the next rows [rows, outputs] */
  add(outputs: Float32Array): void {
    const { outputs: width, targets } = this.reading;
    for (let at = 0; at < outputs.length; at += width) {
      const row = Array.from(outputs.subarray(at, at + width));
      this.#rows += 1;
      // Only a transform's inverse can be infinite for an output that is not.
      const { values = [], deviations = [] } = targets.length > 0 ? predictionOf(row, this.reading) : {};
      if ([...row, ...values, ...deviations].every(Number.isFinite)) continue;
      this.#count += 1;
      this.#first ||= this.#rows;
    }
  }

  /**
   * A sentence for a warning; none if there are no such rows.
   * @param what whose predictions they are
   */
  warnings(what: string): string[] {
    if (this.#count === 0) return [];
    return [
      `${what} for ${formatCount(this.#count)} of ${countOf(this.#rows, 'row')} is no finite number (the first is ` +
        `row ${formatCount(this.#first)}): look for inputs far outside those of the training rows`,
    ];
  }
}
