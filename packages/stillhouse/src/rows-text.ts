// Rows as text: a table as CSV with a header, other rows as numbers, one row per line.
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { columnNamesOf, messageOf, StillhouseError, type TableRow } from '@stillhouse/core';

export interface TextTable {
  /** Names of the columns; one without a name is called by its number, as in training. */
  readonly names: readonly string[];
  /** The header as it is written, with empty names. */
  readonly header: readonly string[];
  /** Cells, as many as there are names. */
  readonly rows: readonly (readonly string[])[];
}

/**
 * @param source what the text is called in messages
 * @throws StillhouseError DATA_FORMAT, DATA_COLUMN
 */
export function readCsv(text: string, { source, delimiter }: { source: string; delimiter: string }): TextTable {
  if (text.trim() === '') return { names: [], header: [], rows: [] };
  let records: string[][];
  try {
    // Quotes within a cell, and spaces around one in quotes, are what they are in training.
    records = parse(text, { bom: true, relax_column_count: true, relax_quotes: true, trim: true, delimiter });
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${source}: ${messageOf(cause)}`, { cause });
  }
  const [header, ...rows] = records;
  const names = columnNamesOf(header);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new StillhouseError('DATA_COLUMN', `${source} has two columns named ${JSON.stringify(repeated)}`);
  // An empty line is a row only if it can be one: an empty cell of a single column.
  const whole = rows.filter((cells) => names.length === 1 || cells.length > 1 || cells[0] !== '');
  const wrong = whole.findIndex((cells) => cells.length !== names.length);
  if (wrong >= 0)
    throw new StillhouseError(
      'DATA_FORMAT',
      `${source}, row ${wrong + 1} has ${whole[wrong].length} cells; the header has ${names.length}`,
    );
  return { names, header, rows: whole };
}

export const tableRowsOf = ({ names, rows }: TextTable): TableRow[] =>
  rows.map((cells) => Object.fromEntries(names.map((name, k) => [name, cells[k]])));

/** What seems to separate the cells of a table that has only one column; undefined if there is no other delimiter. */
export const otherDelimiter = (names: readonly string[]): string | undefined =>
  names.length === 1 ? [',', ';', '\t', '|'].find((each) => names[0].includes(each)) : undefined;

/** A line of CSV (RFC 4180). */
export const csvLine = (cells: readonly string[], delimiter = ','): string =>
  cells
    .map((cell) => (cell.includes(delimiter) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(delimiter);

const arraySchema = z.array(z.unknown());

/**
 * Numbers of each line: CSV, or a JSON array, which may be nested.
 * @throws StillhouseError PREDICT_ROW
 */
export function numberRowsOf(text: string, { source, delimiter }: { source: string; delimiter: string }): unknown[][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, i) => {
    if (!line.trim().startsWith('['))
      return line.split(delimiter).map((cell) => (cell.trim() === '' ? NaN : Number(cell)));
    try {
      return arraySchema.parse(JSON.parse(line)).flat(Infinity);
    } catch (cause) {
      throw new StillhouseError('PREDICT_ROW', `${source}, row ${i + 1} is not a JSON array`, { cause });
    }
  });
}
