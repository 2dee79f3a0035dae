// What a benchmark of a GPU prints, each line as soon as it is known, and the same as JSON in a file.
import { writeFileSync } from 'node:fs';

/** Milliseconds with three digits; a dash if there are none. */
export const shownMs = (ms) => (ms === undefined ? '–' : Number(ms.toPrecision(3)).toLocaleString('en-US'));
/** How many times faster than its peer something is, such as 1.25. */
export const shownRatio = (ms, peerMs) => (ms === undefined || peerMs === undefined ? '–' : (peerMs / ms).toFixed(2));
export const shownRate = (rows) => `${Math.round(rows).toLocaleString('en-US')} rows/s`;

export class Report {
  #kept = {};
  #reasons = new Map();

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

  /** Adds a figure, or several, to those of a part. */
  keep(part, value) {
    (this.#kept[part] ??= []).push(value);
    if (this.file) writeFileSync(this.file, `${JSON.stringify(this.#kept, undefined, 2)}\n`);
  }

  /** Remembers why a cell has a dash; what many cells have in common is said once. */
  because(reason, where) {
    this.#reasons.set(reason, [...(this.#reasons.get(reason) ?? []), where]);
  }

  /** Says why cells since the last time have a dash. */
  reasons() {
    for (const [reason, wheres] of this.#reasons) {
      const [first, ...more] = [...new Set(wheres)];
      this.line(`–: ${first}${more.length ? ` and ${more.length} more` : ''}: ${reason}`);
    }
    this.#reasons.clear();
  }
}
