// How one column is read: what DuckDB gives of a chunk, and how that becomes cells. Texts go through the same functions
// as rows to predict; only plain numbers, and texts that were just met, take a shorter way to the same result.
import {
  booleanOfText,
  categoryFinder,
  categoryText,
  isMissingText,
  isTimeNotation,
  numberOfText,
  wantedText,
  type Notation,
  type Numbers,
} from '@stillhouse/core';
import type { Chunk } from '../row/chunk.js';
import { named } from './sql-text.js';

export interface TableColumn {
  readonly name: string;
  readonly type: 'number' | 'text' | 'other';
  /** DuckDB's name for its type. */
  readonly sqlType: string;
  /** Why it cannot be read, if files of the table have types that cannot be united. */
  readonly conflict?: string;
  /** Whether the file gives it no name. */
  readonly isUnnamed?: boolean;
}

/**
 * How a column is requested: numbers, NaN if missing; indices of categories from 1, 0 if missing or unknown; or text.
 */
export type Want = { readonly column: string } & (
  | {
      readonly as: 'number';
      /** How text writes numbers. */
      readonly notation?: Notation | undefined;
      /** What to do about a text that is no number in any notation. */
      readonly advice?: string | undefined;
      /** Receives each text that is no number, which is then missing; without it, the first one is an error. */
      readonly onFault?: ((text: string) => void) | undefined;
    }
  | {
      readonly as: 'category';
      readonly categories: readonly string[];
      /** Index of a category that is not among them; 0 by default. */
      readonly add?: (text: string) => number;
    }
  | { readonly as: 'text' }
);

export interface ColumnReading {
  /** SQL expressions of what `read` gets. */
  readonly select: readonly string[];
  /** @throws BadCell */
  read(vectors: readonly Vector[], rowCount: number): Chunk['cells'][number];
}

/** Part of a chunk as DuckDB has it. */
export interface Vector {
  /** Of numbers. */
  readonly items?: Numbers;
  /** Of texts: 16 bytes each, of which the first four are the length; up to 12 bytes of text follow. */
  readonly dataView?: DataView;
  readonly validity: { readonly data: BigUint64Array | null };
  getItem(index: number): unknown;
}

/** A cell that is not what its column must be. */
export class BadCell extends Error {
  readonly next: string | undefined;
  readonly otherwise: string | undefined;

  /**
   * @param row counted from 0 in the chunk
   * @param how.next what to do
   * @param how.otherwise what to do if the text is no number in another notation
   */
  constructor(
    readonly column: string,
    readonly row: number,
    readonly text: string,
    how: { readonly reason: string; readonly next?: string; readonly otherwise?: string | undefined },
  ) {
    super(how.reason);
    this.next = how.next;
    this.otherwise = how.otherwise;
  }
}

const numberTypes = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)$/;
const timestampTypes = /^(DATE|TIMESTAMP.*)$/;
const textTypes = /^(VARCHAR|UUID|ENUM.*)$/;
/** Types whose vectors are plain arrays of numbers. */
const plainTypes = /^(U?(TINY|SMALL)INT|U?INTEGER|FLOAT|DOUBLE)$/;

export function typeOf(sqlType: string): TableColumn['type'] {
  if (numberTypes.test(sqlType) || timeNotationOf(sqlType)) return 'number';
  return textTypes.test(sqlType) ? 'text' : 'other';
}

/** How text writes what is of a type of dates or times; undefined for other types. */
export function timeNotationOf(sqlType: string): 'timestamp' | 'time' | undefined {
  if (sqlType === 'TIME') return 'time';
  return timestampTypes.test(sqlType) ? 'timestamp' : undefined;
}

/** SQL for the text of a cell, as it is. */
export const textOf = ({ name, sqlType }: TableColumn): string =>
  sqlType === 'VARCHAR' ? named(name) : `CAST(${named(name)} AS VARCHAR)`;

/** The category that a cell's text names; null if it stands for a missing cell. */
export function categoryOf({ sqlType }: TableColumn, text: string): string | null {
  const trimmed = text.trim();
  if (isMissingText(trimmed)) return null;
  // A number has the same name whatever its type: 0.1 of a DECIMAL may be 0.10.
  const value = sqlType === 'FLOAT' || sqlType === 'DOUBLE' ? Number(trimmed) : NaN;
  if (value === value) return String(value);
  return categoryText(sqlType.startsWith('DECIMAL') ? trimmed.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') : text);
}

/** Seconds since 1970 for times, 0 and 1 for booleans. */
function numberOf({ name, sqlType }: TableColumn): string {
  if (timeNotationOf(sqlType)) return `epoch(${named(name)})`;
  if (sqlType === 'BOOLEAN') return `CAST(${named(name)} AS UTINYINT)`;
  return plainTypes.test(sqlType) ? named(name) : `CAST(${named(name)} AS DOUBLE)`;
}

type IsValid = (row: number) => boolean;

/** Undefined if every cell is valid. */
function validityOf({ validity: { data } }: Vector): IsValid | undefined {
  if (!data) return undefined;
  const bits = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return (row) => ((bits[row >> 3] >> (row & 7)) & 1) === 1;
}

/** Texts of a chunk. Short ones, which are most, are looked at without becoming strings. */
class Texts {
  readonly #isValid: IsValid | undefined;
  readonly #words: Int32Array;

  constructor(private readonly vector: Vector) {
    this.#isValid = validityOf(vector);
    const { buffer, byteOffset, byteLength } = vector.dataView!;
    this.#words = new Int32Array(buffer, byteOffset, byteLength / 4);
  }

  isNull(row: number): boolean {
    return this.#isValid !== undefined && !this.#isValid(row);
  }

  at(row: number): string {
    return this.vector.getItem(row) as string;
  }

  /** Number of a slot that short texts share only by chance; undefined for long ones. */
  slotOf(row: number): number | undefined {
    const words = this.#words;
    const i = 4 * row;
    if (words[i] > shortBytes) return undefined;
    const mixed = Math.imul(words[i + 1] ^ Math.imul(words[i + 2] ^ Math.imul(words[i + 3], prime), prime), prime);
    return (mixed ^ (mixed >>> 15) ^ words[i]) & (slotCount - 1);
  }

  /** Whether a short text is the one whose bytes were kept in a slot; keeps its bytes if not. */
  isKept(row: number, slot: number, kept: Int32Array): boolean {
    const words = this.#words;
    const [i, k] = [4 * row, 4 * slot];
    if (
      kept[k] === words[i] &&
      kept[k + 1] === words[i + 1] &&
      kept[k + 2] === words[i + 2] &&
      kept[k + 3] === words[i + 3]
    )
      return true;
    for (let n = 0; n < 4; n++) kept[k + n] = words[i + n];
    return false;
  }
}

/** Bytes of a text that DuckDB stores next to its length. */
const shortBytes = 12;
const prime = 0x9e3779b1;
/** Categories whose texts a column keeps to recognise them by their bytes; a power of two. */
const slotCount = 64;

/** Numbers, NaN where there is none. */
function withMissing(vector: Vector, rowCount: number): Float64Array {
  const numbers = vector.items!;
  const isValid = validityOf(vector);
  const out = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row++) out[row] = !isValid || isValid(row) ? numbers[row] : NaN;
  return out;
}

const readNumbers = (column: TableColumn): ColumnReading => ({
  select: [numberOf(column)],
  read: ([vector], rowCount) => (vector.validity.data ? withMissing(vector, rowCount) : vector.items!),
});

/** Text that is numbers, or True and False; not both, unless the numbers are 0 and 1. */
class TextNumbers implements ColumnReading {
  readonly select: readonly string[];
  #hasOther = false;
  #word: string | undefined;
  readonly #notation: Notation | undefined;
  readonly #onFault: ((text: string) => void) | undefined;
  readonly #advice: string | undefined;

  constructor(
    private readonly column: TableColumn,
    { notation, onFault, advice }: Extract<Want, { as: 'number' }>,
  ) {
    this.#notation = notation;
    this.#onFault = onFault;
    this.#advice = advice;
    const text = textOf(column);
    // DuckDB would read 1_000 as 1000.
    this.select = notation ? [text] : [text, `TRY_CAST(replace(${text}, '_', 'x') AS DOUBLE)`];
  }

  read([vector, plain]: readonly Vector[], rowCount: number): Float64Array {
    const texts = new Texts(vector);
    const out = plain ? withMissing(plain, rowCount) : new Float64Array(rowCount).fill(NaN);
    for (let row = 0; row < rowCount; row++)
      if (out[row] !== out[row] && !texts.isNull(row)) out[row] = this.#numberOf(texts.at(row), row);
    this.#checkWords(out);
    return out;
  }

  #numberOf(text: string, row: number): number {
    if (isMissingText(text.trim())) return NaN;
    const value = numberOfText(text, this.#notation);
    if (value === value) return value;
    if (isTimeNotation(this.#notation))
      return this.#refuse(row, text, `is not ${wantedText(this.#notation)}, as other cells of the column are`);
    const boolean = booleanOfText(text);
    if (boolean !== boolean || this.#hasOther) return this.#refuse(row, text, `is not ${wantedText(this.#notation)}`);
    this.#word ??= text;
    return boolean;
  }

  #checkWords(numbers: Float64Array): void {
    if (isTimeNotation(this.#notation) || (this.#hasOther && this.#word === undefined)) return;
    const row = numbers.findIndex((value) => value === value && value !== 0 && value !== 1);
    if (row < 0) return;
    this.#hasOther = true;
    if (this.#word !== undefined)
      this.#refuse(
        row,
        String(numbers[row]),
        `is neither true nor false, but another cell of the column is ${JSON.stringify(this.#word)}`,
      );
  }

  /** @throws BadCell unless faults are only reported */
  #refuse(row: number, text: string, reason: string): number {
    if (!this.#onFault) throw new BadCell(this.column.name, row, text, { reason, otherwise: this.#advice });
    this.#onFault(text);
    return NaN;
  }
}

const readTexts = (column: TableColumn): ColumnReading => ({
  select: [textOf(column)],
  read([vector], rowCount) {
    const texts = new Texts(vector);
    return Array.from({ length: rowCount }, (_, row) => (texts.isNull(row) ? null : categoryOf(column, texts.at(row))));
  },
});

function readCategories(
  column: TableColumn,
  { categories, add = () => 0 }: Extract<Want, { as: 'category' }>,
): ColumnReading {
  const find = categoryFinder(categories);
  const { name, sqlType } = column;
  const indexOf = (text: string, row: number): number => {
    const category = categoryOf(column, text);
    // Several whole numbers would be one category.
    if (sqlType === 'DOUBLE' && Number.isFinite(Number(text)) && Math.abs(Number(text)) > Number.MAX_SAFE_INTEGER)
      throw new BadCell(name, row, text, {
        reason:
          'cannot be a category: numbers with fractions have at most 15 digits, so other numbers may have become it',
        next: 'Store such numbers as text or as whole numbers in all rows, or ignore the column in data.table.columns.',
      });
    return category === null ? 0 : find(category) || add(category);
  };
  // No text has the length −1.
  const kept = new Int32Array(4 * slotCount).fill(-1);
  const indices = new Uint32Array(slotCount);
  return {
    select: [textOf(column)],
    read([vector], rowCount) {
      const texts = new Texts(vector);
      const out = new Uint32Array(rowCount);
      for (let row = 0; row < rowCount; row++) {
        if (texts.isNull(row)) continue;
        const slot = texts.slotOf(row);
        if (slot === undefined) out[row] = indexOf(texts.at(row), row);
        else {
          if (!texts.isKept(row, slot, kept)) indices[slot] = indexOf(texts.at(row), row);
          out[row] = indices[slot];
        }
      }
      return out;
    },
  };
}

/** How a column is read as it is requested. */
export function readingOf(column: TableColumn, want: Want): ColumnReading {
  switch (want.as) {
    case 'number':
      return column.type === 'text' ? new TextNumbers(column, want) : readNumbers(column);
    case 'category':
      return readCategories(column, want);
    case 'text':
      return readTexts(column);
  }
}
