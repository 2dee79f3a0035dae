// What the text of a cell means: nothing, a number, or a category. The same text means the same in CSV, Parquet, JSON
// lines, `predict` and @stillhouse/student.
import { secondsOfTime, secondsOfTimestamp } from './time-text.js';

/** @param text trimmed */
export const isMissingText = (text: string): boolean => /^(|na|n\/a|nan|null|\?)$/i.test(text);

/**
 * Regular expressions and replacements that turn numbers in another notation into plain ones, and any other text into
 * none; applied in order, everywhere in a text. Or what the numbers stand for: timestamp is a date, perhaps with a
 * time, as seconds since 1970; time is a time of day, as seconds since midnight.
 */
export type Notation = readonly (readonly [pattern: string, replacement: string])[] | 'timestamp' | 'time';

/** NaN if the text is not a number. */
export function numberOfText(text: string, notation: Notation = []): number {
  if (notation === 'timestamp') return secondsOfTimestamp(text.trim());
  if (notation === 'time') return secondsOfTime(text.trim());
  // The minus sign of typography is what spreadsheets write in some languages.
  let digits = text.trim().replaceAll('\u2212', '-');
  for (const [pattern, replacement] of notation) digits = digits.replace(new RegExp(pattern, 'g'), replacement);
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(digits) ? Number(digits) : NaN;
}

/** A category in the form that is compared: trimmed, and 3 for 3.0. */
export const categoryText = (cell: string | number | bigint | boolean): string =>
  String(cell)
    .trim()
    .replace(/^(-?\d+)\.0+$/, '$1');

/** Whether a notation is one of dates or times. */
export const isTimeNotation = (notation: Notation | undefined): notation is 'timestamp' | 'time' =>
  typeof notation === 'string';

const numberForms = ['1,234.5', '1.234,5', '1234.5'];

/** What a text of a column is if it can be read: a number, a date or a time, with an example of how it is written. */
export function wantedText(notation: Notation | undefined): string {
  if (notation === 'timestamp') return 'a date such as 2020-12-31, or one with a time such as 2020-12-31 14:30';
  if (notation === 'time') return 'a time of day such as 14:30';
  const texts = ['$', '€', '£', '¥', ''].flatMap((unit) => numberForms.map((form) => unit + form));
  const text = texts.find((each) => numberOfText(each, notation) === 1234.5);
  return text === undefined || text === '1234.5' ? 'a number' : `a number such as ${text}`;
}

/** 1 or 0 for a text that writes a boolean; NaN for any other. */
export function booleanOfText(text: string): number {
  const place = ['false', 'true', '0', '1'].indexOf(text.trim().toLowerCase());
  return place < 0 ? NaN : place % 2;
}

/**
 * Finds the place of a `categoryText`, counted from 1; 0 if it is none of them. Categories that are all booleans are
 * the same however they are written: True, true or 1.
 */
export function categoryFinder(categories: readonly string[]): (text: string) => number {
  // Models of earlier versions may know 3.0 and not 3.
  const places = new Map(categories.map((name, i) => [categoryText(name), i + 1]));
  const booleans = categories.map(booleanOfText);
  return (text) => places.get(text) ?? (booleans.includes(NaN) ? 0 : booleans.indexOf(booleanOfText(text)) + 1);
}
