// What a benchmark of a GPU prints, each line as soon as it is known, and the same as JSON in a file.
import { writeFileSync } from 'node:fs';

/** Milliseconds with three digits; a dash if there are none. */
export const shownMs = (ms) => (ms === undefined ? '–' : Number(ms.toPrecision(3)).toLocaleString('en-US'));
/** How many times as long one takes as the other, such as 1.25. */
export const shownRatio = (ms, otherMs) =>
  ms === undefined || otherMs === undefined ? '–' : Number((ms / otherMs).toPrecision(3)).toLocaleString('en-US');
export const shownRate = (rows) => `${Math.round(rows).toLocaleString('en-US')} rows/s`;

export class Report {
  #kept = {};
  #reasons = new Map();
  #notes = new Set();

  /** @param file undefined for none */
  constructor(file) {
    this.file = file;
  }

  line(text = '') {
    console.log(text);
  }

  head(title, columns) {
    this.line(`\n${title}\n`);
    this.row(columns);
    this.row(columns.map(() => '---'));
  }

  row(cells) {
    this.line(`| ${cells.join(' | ')} |`);
  }

  /** Adds figures to those of a part. */
  keep(part, value) {
    (this.#kept[part] ??= []).push(value);
    if (this.file) writeFileSync(this.file, `${JSON.stringify(this.#kept, undefined, 2)}\n`);
  }

  /** Remembers what explains a cell; what many cells have in common is said once. */
  because(reason, where) {
    this.#reasons.set(reason, [...(this.#reasons.get(reason) ?? []), where]);
  }

  /** Remembers what is said once below the part's figures. */
  note(text) {
    this.#notes.add(text);
  }

  /** Says what was remembered since the last time. */
  explain() {
    for (const [reason, [first, ...more]] of this.#reasons)
      this.note(`–: ${first}${more.length > 0 ? `, and ${more.length} more` : ''}: ${reason}`);
    for (const text of this.#notes) this.line(text);
    this.#reasons.clear();
    this.#notes.clear();
  }
}
