// What is probably not meant as it is read: codes that are read as numbers, numbers that are rounded, a category per
// row, a column without a cell. Sentences for people.
import { isTimeNotation, textOfTime, type Notation } from '@stillhouse/core';
import type { NumberSummary } from '../row/number-summary.js';

/** A column with fewer categories is not doubted, whatever the number of rows. */
const manyCategories = 100;

/** A text that is probably a code, although it could be a number: it begins with 0. */
export const codeIn = (texts: readonly string[]): string | undefined =>
  texts.map((text) => text.trim()).find((text) => /^0\d+$/.test(text));

/**
 * What texts of a column of numbers show.
 * @returns undefined if nothing is doubtful
 */
export function doubtAboutTexts(name: string, texts: readonly string[]): string | undefined {
  const code = codeIn(texts);
  if (code !== undefined)
    return (
      `column ${name} is read as numbers, although some begin with 0, such as ${code}; if they are codes, ` +
      'declare it as a category'
    );
  const isRounded = (text: string): boolean => /^[-+]?\d{16,}$/.test(text) && !Number.isSafeInteger(Number(text));
  return texts.some((text) => isRounded(text.trim())) ? roundedNumbers(name) : undefined;
}

const roundedNumbers = (name: string): string =>
  `column ${name} has whole numbers beyond ${Number.MAX_SAFE_INTEGER}, which are rounded; if they are identifiers, ` +
  'ignore it or declare it as a category';

const isConstant = (name: string, value: string): string =>
  `column ${name} is ${value} in every training row, so it tells a model nothing`;

/** A column of fewer numbers may be anything. */
const manyNumbers = 100;

type Summary = Pick<NumberSummary, 'count' | 'min' | 'max' | 'deviation'>;

/** Whether numbers are whole, follow each other, and each occurs once: as few as that have their deviation. */
function areConsecutive({ count, min, max, deviation }: Summary): boolean {
  const expected = Math.sqrt((count * count - 1) / 12);
  return (
    count >= manyNumbers &&
    Number.isInteger(min) &&
    max - min === count - 1 &&
    Math.abs(deviation / expected - 1) < 1e-9
  );
}

/** A column of numbers, with DuckDB's type. */
interface DoubtedColumn {
  readonly name: string;
  readonly sqlType: string;
  /** Whether a missing cell is an input of its own. */
  readonly indicator: boolean;
  readonly notation?: Notation | undefined;
  /** Whether the recipe does not declare it. */
  readonly isFound?: boolean | undefined;
}

export function doubtAboutNumbers(
  { name, sqlType, indicator, notation, isFound }: DoubtedColumn,
  summary: Summary,
): string | undefined {
  const { count, min, max } = summary;
  if (min === max && !indicator)
    return isConstant(name, isTimeNotation(notation) ? textOfTime(min, notation) : String(min));
  if (isFound && areConsecutive(summary))
    return (
      `column ${name} numbers the training rows from ${min} to ${max}; if it only identifies rows, ignore it in ` +
      'data.table.columns: a model cannot read other numbers'
    );
  if (count === 0) return `column ${name} has no cell in the training rows, so it tells a model nothing`;
  return hasRounded(sqlType, { min, max }) ? roundedNumbers(name) : undefined;
}

/** Whether a column of DuckDB's type has whole numbers that no float64 is. */
export const hasRounded = (sqlType: string, { min, max }: { readonly min: number; readonly max: number }): boolean =>
  /INT|^DECIMAL\(\d+,0\)$/.test(sqlType) && Math.max(-min, max) > Number.MAX_SAFE_INTEGER;

/** @param rowCount training rows that have a category in the column */
export const doubtAboutCategories = (name: string, categoryCount: number, rowCount: number): string | undefined =>
  categoryCount >= manyCategories && categoryCount > rowCount / 2
    ? `column ${name} has ${categoryCount} categories in ${rowCount} training rows, an input for each; ignore it, or ` +
      'declare what it is in data.table.columns'
    : undefined;

/** Doubts a column in which every training row has the same category. */
export const doubtAboutOneCategory = (
  name: string,
  categories: readonly string[],
  isMissing: boolean,
): string | undefined =>
  categories.length === 1 && !isMissing ? isConstant(name, JSON.stringify(categories[0])) : undefined;
