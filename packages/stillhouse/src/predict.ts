// Rows as text, and predictions as text. Tables come as CSV with a header, other rows as numbers, one row per line.
import { parse } from 'csv-parse/sync';
import {
  encodeTableRows,
  encodeTensorRows,
  StillhouseError,
  type ModelMetadata,
  type Prediction,
  type RowErrorCode,
  type TableRow,
} from '@stillhouse/core';

export interface InputRows {
  readonly rowCount: number;
  /** [rowCount, …inputShape]. */
  readonly inputs: Float32Array;
}

const source = 'standard input';
const errorOf = (code: RowErrorCode, message: string): StillhouseError =>
  new StillhouseError(code, `${source}, ${message}`);

/** @throws StillhouseError DATA_FORMAT, DATA_COLUMN */
function tableRows(text: string): TableRow[] {
  let records: string[][];
  try {
    records = parse(text, { bom: true, relax_column_count: true });
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${source}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const [header, ...rows] = records;
  const names = header.map((name) => name.trim());
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new StillhouseError('DATA_COLUMN', `${source} has two columns named ${JSON.stringify(repeated)}`);
  // An empty line is a row only where it can be one: an empty cell of a single column.
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

function numbersOf(line: string, lineNumber: number): unknown[] {
  try {
    return line.startsWith('[')
      ? (JSON.parse(line) as unknown[]).flat(Infinity)
      : line.split(',').map((cell) => (cell.trim() === '' ? NaN : Number(cell)));
  } catch {
    throw errorOf('PREDICT_ROW', `row ${lineNumber} is not a JSON array`);
  }
}

/** @throws StillhouseError PREDICT_ROW, DATA_… naming the row */
export function parseRows(text: string, { columns }: ModelMetadata): InputRows {
  const [column] = columns;
  if (column.type !== 'tensor') {
    const rows = text.trim() === '' ? [] : tableRows(text);
    return encoded(rows, encodeTableRows(columns, rows, errorOf));
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const rows = lines.map((line, i) => numbersOf(line.trim(), i + 1) as number[]);
  return encoded(rows, encodeTensorRows(column, rows, errorOf));
}

function encoded(rows: readonly unknown[], inputs: Float32Array): InputRows {
  if (rows.length === 0) throw new StillhouseError('DATA_EMPTY', `${source} holds no rows`);
  return { rowCount: rows.length, inputs };
}

const digits = (value: number): string => String(Number(value.toPrecision(7)));

/** One line of CSV: values and their deviations, or class and probability. */
export function predictionLine({ values, deviations = [], class: named, probabilities }: Prediction): string {
  if (values) return [...values, ...deviations].map(digits).join(',');
  if (typeof named === 'string' && probabilities) return `${named},${digits(Math.max(...probabilities))}`;
  return [...(named as readonly string[]), ...probabilities!.map(digits)].join(',');
}
