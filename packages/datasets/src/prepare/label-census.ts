// What the labels of the large set's training rows leave nothing to learn about: a target of regression that is always
// the same, and a number of a class that no row has.
import type { Loss } from '@stillhouse/core/training';
import type { StoredRows } from '../row/stored-rows.js';

const shownClasses = 5;

/** Labels as they are stored: class indices, or targets after their scaling. */
export class LabelCensus {
  /** For each number of a label its first value, and whether another one followed. */
  readonly #targets: { readonly first: number; varies: boolean }[] = [];
  readonly #classes = new Set<number>();

  constructor(private readonly loss: Pick<Loss, 'labels'>) {}

  /** @param rows positions of the rows that count; all by default */
  add({ labels, rowCount }: Pick<StoredRows, 'labels' | 'rowCount'>, rows?: readonly number[]): void {
    let target = 0;
    for (const numbers of labels) {
      const width = numbers.length / rowCount;
      for (let k = 0; k < width; k++) this.#addTarget(target++, (i) => numbers[i * width + k], rows ?? rowCount);
    }
  }

  #addTarget(target: number, at: (row: number) => number, rows: readonly number[] | number): void {
    const count = typeof rows === 'number' ? rows : rows.length;
    for (let i = 0; i < count; i++) {
      const value = at(typeof rows === 'number' ? i : rows[i]);
      if (this.loss.labels === 'class') this.#classes.add(value);
      else if ((this.#targets[target] ??= { first: value, varies: false }).first !== value)
        this.#targets[target].varies = true;
    }
  }

  /**
   * @param what names the rows
   * @param classCount number of classes without names; null if they have names
   * @param targets names of the targets, if they have names
   */
  notes(what: string, { classCount, targets }: { classCount: number | null; targets: readonly string[] }): string[] {
    const constant = this.loss.labels === 'class' ? [] : this.#targets.flatMap(({ varies }, k) => (varies ? [] : [k]));
    const absent = Array.from({ length: classCount ?? 0 }, (_, i) => i).filter((i) => !this.#classes.has(i));
    return [
      ...constant.map((k) => {
        const name = targets[k] ?? (this.#targets.length > 1 ? `number ${k + 1} of the label` : 'the label');
        return `${what}: ${name} is the same in every training row: there is nothing to learn about it`;
      }),
      ...(absent.length > 0 && this.#classes.size > 0
        ? [
            `${what}: no training row has class ${absent.slice(0, shownClasses).join(', ')}` +
              `${absent.length > shownClasses ? ', …' : ''}, though classes are counted from 0 to ${classCount! - 1}`,
          ]
        : []),
    ];
  }
}
