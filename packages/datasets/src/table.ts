// CSV files as tables: types of columns, missing values, categories, standardisation. What is fitted is fitted on the
// training rows of the large set and kept as `Preprocessing`, so that prediction applies the same.
import { parse } from 'csv-parse/sync';
import { isClassification, StillhouseError, type LossName, type TableConfig, type TargetScale } from '@stillhouse/core';
import type { RowSet } from './row-set.js';

export interface Table {
  readonly file: string;
  readonly header: readonly string[];
  readonly records: readonly (readonly string[])[];
  /** Line of each record in the file, counted from 1. */
  readonly lines: readonly number[];
}

export type FittedColumn =
  /** Encoded as (value − mean) / deviation; `fill` stands in for an empty cell. */
  | { readonly name: string; readonly type: 'number'; readonly fill: number; readonly mean: number; readonly deviation: number }
  | { readonly name: string; readonly type: 'category'; readonly categories: readonly string[] };

/** A column to predict; for regression it is trained on as (y − mean) / deviation. */
export type FittedTarget = TargetScale & { readonly name: string };

/** How cells become numbers; stored beside the model. */
export interface Preprocessing {
  readonly columns: readonly FittedColumn[];
  readonly targets: readonly FittedTarget[];
  /** Names of the classes in the order of their indices, for classification. */
  readonly classes: readonly string[] | undefined;
  readonly missing: TableConfig['missing'];
}

const missingMarks = new Set(['', 'na', 'n/a', 'nan', 'null', '?']);
const isMissing = (cell: string): boolean => missingMarks.has(cell.trim().toLowerCase());
const isNumeric = (cell: string): boolean => cell.trim() !== '' && Number.isFinite(Number(cell));
/** Rows looked at to find out the type of a column. */
const typeSampleRows = 1000;

/** @throws StillhouseError DATA_FORMAT with the line where the file stops being CSV */
export function parseTable(text: string, file: string, delimiter: string): Table {
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    rows = parse(text, { bom: true, delimiter, info: true, skip_empty_lines: true }) as unknown as typeof rows;
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (rows.length === 0) throw new StillhouseError('DATA_EMPTY', `${file} is empty: it has no header`);
  const header = rows[0].record.map((name) => name.trim());
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) throw new StillhouseError('DATA_COLUMN', `${file} has two columns named ${JSON.stringify(twice)}`);
  const body = rows.slice(1);
  return { file, header, records: body.map((row) => row.record), lines: body.map((row) => row.info.lines) };
}

export const targetsOf = (config: TableConfig): string[] => (typeof config.target === 'string' ? [config.target] : config.target);

export function columnIndex(table: Pick<Table, 'file' | 'header'>, name: string): number {
  const index = table.header.indexOf(name);
  if (index < 0) throw new StillhouseError('DATA_COLUMN', `${table.file} has no column ${JSON.stringify(name)}; it has ${table.header.join(', ')}`);
  return index;
}

function numberCell(table: Table, row: number, column: number): number {
  const cell = table.records[row][column];
  if (!isNumeric(cell)) throw new StillhouseError('DATA_CELL', `${table.file}, line ${table.lines[row]}, column ${table.header[column]}: ${JSON.stringify(cell)} is not a number`);
  return Number(cell);
}

/** The declared type, or: category if no cell of the sample is a number, else number. */
function typeOf(table: Table, column: number, config: TableConfig): 'number' | 'category' | 'ignore' {
  const declared = config.columns[table.header[column]];
  if (declared) return declared;
  const sample = table.records.slice(0, typeSampleRows).map((record) => record[column]).filter((cell) => !isMissing(cell));
  return sample.length > 0 && !sample.some(isNumeric) ? 'category' : 'number';
}

function fitColumn(table: Table, column: number, options: { type: 'number' | 'category'; rows: readonly number[]; config: TableConfig }): FittedColumn {
  const name = table.header[column];
  const { type, rows, config } = options;
  if (type === 'category') {
    return { name, type, categories: [...new Set(rows.map((row) => table.records[row][column]).filter((cell) => !isMissing(cell)))].sort() };
  }
  const scale = scaleOf(rows.filter((row) => !isMissing(table.records[row][column])).map((row) => numberCell(table, row, column)));
  return { name, type, fill: scale.mean, ...(config.standardize ? scale : unscaled) };
}

const unscaled: TargetScale = { mean: 0, deviation: 1 };

/** Mean and standard deviation; a deviation of 0 counts as 1. */
function scaleOf(values: readonly number[]): TargetScale {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length);
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

/** @param trainingRows rows of the large set that are used for training: nothing else may be looked at */
export function fitTable(table: Table, trainingRows: readonly number[], config: TableConfig, loss: LossName): Preprocessing {
  const names = targetsOf(config);
  const targetColumns = names.map((name) => columnIndex(table, name));
  for (const name of Object.keys(config.columns)) columnIndex(table, name);
  if (loss === 'softmaxCrossEntropy' && names.length > 1) throw new StillhouseError('RECIPE_INVALID', 'data.table.target names several columns: softmaxCrossEntropy needs one column of classes');
  const columns = table.header.flatMap((_, column) => {
    if (targetColumns.includes(column)) return [];
    const type = typeOf(table, column, config);
    return type === 'ignore' ? [] : [fitColumn(table, column, { type, rows: trainingRows, config })];
  });
  const labels = trainingRows.map((row) => table.records[row][targetColumns[0]].trim());
  const named = loss === 'softmaxCrossEntropy' || (loss === 'binaryCrossEntropy' && names.length === 1 && labels.some((label) => !isNumeric(label)));
  const distinct = [...new Set(labels)];
  const classes = named ? (distinct.every(isNumeric) ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort()) : undefined;
  const isScaled = config.standardize && !isClassification(loss);
  const targets = names.map((name, i) => ({ name, ...(isScaled ? scaleOf(trainingRows.map((row) => numberCell(table, row, targetColumns[i]))) : unscaled) }));
  return { columns, targets, classes, missing: config.missing };
}

/** Numbers that a column becomes. */
const columnWidth = (column: FittedColumn): number => (column.type === 'number' ? 1 : column.categories.length);

export const inputWidth = (preprocessing: Preprocessing): number => preprocessing.columns.reduce((sum, column) => sum + columnWidth(column), 0);

/** Where a row's cells are, and how they become numbers. */
interface Encoding {
  readonly table: Table;
  readonly columns: readonly FittedColumn[];
  /** Position of each column in the table. */
  readonly indices: readonly number[];
}

/** Writes the inputs of one record; returns the columns whose category was not among the training rows. */
function encodeInputs({ table, columns, indices }: Encoding, row: number, out: Float32Array): string[] {
  const unseen: string[] = [];
  let offset = 0;
  columns.forEach((column, i) => {
    const cell = table.records[row][indices[i]];
    if (column.type === 'category') {
      const index = column.categories.indexOf(cell);
      if (index >= 0) out[offset + index] = 1;
      else unseen.push(column.name);
    } else {
      const value = isMissing(cell) ? column.fill : numberCell(table, row, indices[i]);
      out[offset] = (value - column.mean) / column.deviation;
    }
    offset += columnWidth(column);
  });
  return unseen;
}

function encodeLabel(table: Table, row: number, column: number, classes: readonly string[] | undefined): number {
  const cell = table.records[row][column].trim();
  if (!classes) return numberCell(table, row, column);
  const index = classes.indexOf(cell);
  if (index < 0) throw new StillhouseError('DATA_LABEL', `${table.file}, line ${table.lines[row]}, column ${table.header[column]}: class ${JSON.stringify(cell)} does not occur among the training rows of the large set`);
  return index;
}

/** Whether a row can be used, by the rule for missing cells. A missing target is always an error. */
function usable({ table, columns, indices }: Encoding, row: number, missing: Preprocessing['missing']): boolean {
  for (const [i, column] of columns.entries()) {
    if (column.type !== 'number' || missing === 'mean' || !isMissing(table.records[row][indices[i]])) continue;
    if (missing === 'drop') return false;
    throw new StillhouseError('DATA_CELL', `${table.file}, line ${table.lines[row]}, column ${column.name}: the cell is empty`, { next: 'Fill in the cell, or set data.table.missing to mean or drop.' });
  }
  return true;
}

export interface EncodedTable {
  readonly rows: RowSet;
  readonly warnings: readonly string[];
}

/** @param withLabels false for rows to predict */
export function encodeTable(table: Table, rowIndices: readonly number[], preprocessing: Preprocessing, withLabels = true): EncodedTable {
  const encoding = { table, columns: preprocessing.columns, indices: preprocessing.columns.map((column) => columnIndex(table, column.name)) };
  const targets = withLabels ? preprocessing.targets.map(({ name }) => columnIndex(table, name)) : [];
  const kept = rowIndices.filter((row) => usable(encoding, row, preprocessing.missing));
  const width = inputWidth(preprocessing);
  const inputs = new Float32Array(kept.length * width);
  const labels = new Float32Array(kept.length * targets.length);
  const unseen = new Map<string, number>();
  kept.forEach((row, i) => {
    for (const name of encodeInputs(encoding, row, inputs.subarray(i * width, (i + 1) * width))) unseen.set(name, (unseen.get(name) ?? 0) + 1);
    targets.forEach((column, k) => {
      const { mean, deviation } = preprocessing.targets[k];
      labels[i * targets.length + k] = (encodeLabel(table, row, column, preprocessing.classes) - mean) / deviation;
    });
  });
  const warnings = [...unseen].map(([name, count]) => `${table.file}: in ${count} rows the category in column ${name} does not occur among the training rows; it is encoded as none of them`);
  if (kept.length < rowIndices.length) warnings.push(`${table.file}: ${rowIndices.length - kept.length} rows with an empty cell were dropped`);
  return { rows: { rowCount: kept.length, inputs, labels }, warnings };
}
