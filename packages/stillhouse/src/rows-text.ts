// Rows as text: a table as CSV with a header, other rows as numbers, one row per line.
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { messageOf, StillhouseError, type TableRow } from '@stillhouse/core';

/**
 * @param source what the text is called in messages
 * @throws StillhouseError DATA_FORMAT, DATA_COLUMN
 */
export function tableRowsOf(text: string, source: string): TableRow[] {
  if (text.trim() === '') return [];
  let records: string[][];
  try {
    records = parse(text, { bom: true, relax_column_count: true });
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${source}: ${messageOf(cause)}`, { cause });
  }
  const [header, ...rows] = records;
  const names = header.map((name) => name.trim());
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new StillhouseError('DATA_COLUMN', `${source} has two columns named ${JSON.stringify(repeated)}`);
  // An empty line is a row only if it can be one: an empty cell of a single column.
  const whole = rows.filter((cells) => names.length === 1 || cells.length > 1 || cells[0] !== '');
  return whole.map((cells, i) => {
    if (cells.length !== names.length)
      throw new StillhouseError(
        'DATA_FORMAT',
        `${source}, row ${i + 1} has ${cells.length} cells; the header has ${names.length}`,
      );
    return Object.fromEntries(names.map((name, k) => [name, cells[k]]));
  });
}

const arraySchema = z.array(z.unknown());

/**
 * Numbers of each line: CSV, or a JSON array, which may be nested.
 * @throws StillhouseError PREDICT_ROW
 */
export function numberRowsOf(text: string, source: string): unknown[][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, i) => {
    if (!line.trim().startsWith('[')) return line.split(',').map((cell) => (cell.trim() === '' ? NaN : Number(cell)));
    try {
      return arraySchema.parse(JSON.parse(line)).flat(Infinity);
    } catch (cause) {
      throw new StillhouseError('PREDICT_ROW', `${source}, row ${i + 1} is not a JSON array`, { cause });
    }
  });
}
