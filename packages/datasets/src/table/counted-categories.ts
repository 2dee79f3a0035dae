// The categories of a column, counted on the training rows.
import { booleanOfText, type Numbers, type StillhouseError } from '@stillhouse/core';
import type { Want } from './column-reading.js';

/** Booleans that are written in several ways keep the first of them. */
export function oneSpelling(categories: readonly string[]): readonly string[] {
  const values = categories.map(booleanOfText);
  if (!values.every((value) => value === value)) return categories;
  return categories.filter((_, i) => values.indexOf(values[i]) === i);
}

/** Categories and their counts; those that are not known beforehand are added as they occur. */
export class CountedCategories {
  readonly want: Want & { readonly as: 'category' };
  readonly #names: string[];
  readonly #places = new Map<string, number>();
  readonly #counts: number[];
  #total = 0;

  constructor(column: string, known: readonly string[], add?: { limit: number; tooMany: () => StillhouseError }) {
    this.#names = [...known];
    this.#counts = known.map(() => 0);
    this.want = {
      column,
      as: 'category',
      categories: known,
      ...(add ? { add: (text: string) => this.#place(text, add) } : {}),
    };
  }

  count(cells: Numbers, rows: readonly number[] | undefined): void {
    const counts = this.#counts;
    const total = rows ? rows.length : cells.length;
    this.#total += total;
    for (let i = 0; i < total; i++) {
      const place = cells[rows ? rows[i] : i];
      if (place > 0) counts[place - 1] += 1;
    }
  }

  /** Rows that have a category. */
  get rowCount(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Rows that were counted, with a category or without. */
  get total(): number {
    return this.#total;
  }

  /** Categories that were counted, sorted. */
  get counted(): readonly string[] {
    return oneSpelling(this.#names.filter((_, i) => this.#counts[i] > 0).sort());
  }

  #place(text: string, { limit, tooMany }: { limit: number; tooMany: () => StillhouseError }): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    if (this.#names.length === limit) throw tooMany();
    const place = this.#names.push(text);
    this.#counts.push(0);
    this.#places.set(text, place);
    return place;
  }
}
