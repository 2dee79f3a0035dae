// Predicts rows: rows of tables as objects or CSV, other rows as arrays of numbers.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeTableRows,
  encodeTensorRows,
  nextForCell,
  predictionOf,
  refuseIndices,
  spellingOf,
  StillhouseError,
  unknownCategories,
  type ModelMetadata,
  type PhaseName,
  type RowErrorCode,
  type TableRow,
} from '@stillhouse/core';
import type { Prediction } from '@stillhouse/core/training';
import type { BackendName } from '@stillhouse/worker/light';
import { outputsOf } from './inference.js';
import { NotFiniteRows } from './not-finite.js';
import { predictionsText } from './predictions-text.js';
import { numberRowsOf, otherDelimiter, readCsv, tableRowsOf, type TextTable } from './rows-text.js';
import { openModel, openModelFolder, type TrainedModel } from './runs/trained-model.js';
import { mainModel, readRun } from './runs/trained-run.js';

/** Numbers of one row, which may be nested, such as an image of [height][width][channels]. */
export type NumberRow = readonly (number | NumberRow)[];

/**
 * Rows of a table: cells by the name of their column, or in the order of the columns. Other rows: numbers. As text: CSV
 * with a header for a table, else one row per line, as CSV or a JSON array.
 */
export type PredictRows =
  string | readonly TableRow[] | readonly (readonly TableRow[string][])[] | readonly NumberRow[];

export interface PredictOptions {
  /** Model of a run folder: the student by default, or the teacher if there is no student. */
  readonly model?: PhaseName | undefined;
  /** `auto` by default. */
  readonly backend?: BackendName | undefined;
  /** What the rows are called in errors; `the list` by default. */
  readonly source?: string | undefined;
  /** Between the cells of rows as text; the recipe's by default. */
  readonly delimiter?: string | undefined;
  /**
   * Called for each column that has categories which the training rows did not have, and if predictions are no finite
   * numbers.
   */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** How rows that are text are read. */
interface TextFacts {
  /** What the rows are called in errors. */
  readonly source: string;
  readonly delimiter: string;
}

function tableRows(rows: PredictRows, { columns }: ModelMetadata, how: TextFacts): TableRow[] {
  if (typeof rows === 'string') return tableRowsOf(readCsv(rows, how));
  return rows.map((row, i) => {
    if (!Array.isArray(row)) return row as TableRow;
    if (row.length !== columns.length)
      throw new StillhouseError(
        'PREDICT_ROW',
        `${how.source}, row ${i + 1} has ${row.length} cells; the model takes ` +
          `${columns.map(({ name }) => name).join(', ')}`,
      );
    return Object.fromEntries(columns.map(({ name }, k) => [name, (row as TableRow[string][])[k]]));
  });
}

function numberRows(rows: PredictRows, how: TextFacts): unknown[][] {
  if (typeof rows === 'string') return numberRowsOf(rows, how);
  return rows.map((row, i) => {
    if (!Array.isArray(row))
      throw new StillhouseError('PREDICT_ROW', `${how.source}, row ${i + 1} is not an array of numbers`);
    return (row as unknown[]).flat(Infinity);
  });
}

/** @throws StillhouseError DATA_COLUMN if a table lacks a column of the model, whether or not it has rows */
function refuseOtherTable({ names }: TextTable, columns: ModelMetadata['columns'], source: string): void {
  const absent = names.length > 0 && columns.find(({ name }) => !names.includes(name));
  if (!absent) return;
  const delimiter = otherDelimiter(names);
  const near = spellingOf(absent.name, names);
  throw new StillhouseError(
    'DATA_COLUMN',
    `${source} has no column ${JSON.stringify(absent.name)}; it has ${names.join(', ')}`,
    delimiter === undefined
      ? near === undefined
        ? {}
        : { next: `The nearest is ${near}: name the column as in training.` }
      : { next: `Cells seem to be separated by ${JSON.stringify(delimiter)}: give it as --delimiter.` },
  );
}

/** @throws StillhouseError PREDICT_ROW for text that is none, such as a picture or UTF-16 */
function refuseBinary(rows: PredictRows, source: string): void {
  if (typeof rows === 'string' && rows.includes('\0'))
    throw new StillhouseError('PREDICT_ROW', `${source} is not text in UTF-8`, {
      next: 'Give CSV or JSON arrays in UTF-8; for a picture, the numbers of its pixels.',
    });
}

/**
 * Rows as a model's inputs, preprocessed as in training.
 * @returns the number of rows, [rows, …inputShape], and which categories are unknown, as sentences
 * @throws StillhouseError DATA_EMPTY, PREDICT_ROW, DATA_… naming row and column
 */
export function encodeRows(
  rows: PredictRows,
  metadata: ModelMetadata,
  how: TextFacts,
): { count: number; inputs: Float32Array; unknown: string[] } {
  const { source } = how;
  refuseBinary(rows, source);
  const errorOf = (code: RowErrorCode, message: string): StillhouseError =>
    new StillhouseError(code, `${source}, ${message}`, code === 'DATA_CELL' ? { next: nextForCell } : {});
  const { columns } = metadata;
  const [column] = columns;
  const given = column.type === 'tensor' ? numberRows(rows, how) : tableRows(rows, metadata, how);
  const table = typeof rows === 'string' && column.type !== 'tensor' ? readCsv(rows, how) : undefined;
  if (table) refuseOtherTable(table, columns, source);
  if (given.length === 0 && !table?.names.length) throw new StillhouseError('DATA_EMPTY', `${source} has no rows`);
  const count = given.length;
  const isTable = column.type !== 'tensor';
  const inputs = isTable
    ? encodeTableRows(columns, given as TableRow[], errorOf)
    : encodeTensorRows(column, given as number[][], errorOf);
  refuseIndices(inputs, metadata, errorOf);
  return { count, inputs, unknown: isTable ? unknownIn(columns, given as TableRow[], source) : [] };
}

/** A model for rows, from a run folder or from the folder of one model. */
interface Opened extends TrainedModel {
  /** Delimiter of CSV: as given, or else as in the recipe. */
  readonly delimiter: string;
}

async function open(folder: string, { model: name, delimiter }: PredictOptions): Promise<Opened> {
  if (existsSync(join(folder, 'model.json'))) {
    if (name !== undefined)
      throw new StillhouseError('USAGE', `${folder} is the folder of one model, not of a run`, {
        next: 'Leave out the name of the model, or give the run folder.',
      });
    return { ...(await openModelFolder(folder)), delimiter: delimiter ?? ',' };
  }
  const run = await readRun(folder);
  const opened = await openModel(run, name ?? mainModel(run));
  return { ...opened, delimiter: delimiter ?? run.recipe.data.table?.delimiter ?? ',' };
}

/** Which categories the training rows did not have, as sentences. */
const unknownIn = (columns: ModelMetadata['columns'], rows: readonly TableRow[], source: string): string[] =>
  unknownCategories(columns, rows).map(
    ({ column, count, row, cell }) =>
      `${source}: column ${column} of ${count} of ${rows.length} rows has a category that the training rows did not ` +
      `have (the first is ${cell} in row ${row}); it is encoded as no category`,
  );

interface Predicted {
  readonly predictions: Prediction[];
  /** One that shows what the model's predictions have, if there are no rows. */
  readonly example: Prediction;
  readonly metadata: ModelMetadata;
  readonly delimiter: string;
}

async function predictRows(folder: string, rows: PredictRows, options: PredictOptions): Promise<Predicted> {
  const { openInferenceBackend, predictOf } = await import('@stillhouse/worker');
  await openInferenceBackend(options.backend ?? 'auto');
  const { model, metadata, delimiter } = await open(folder, options);
  const source = options.source ?? 'the list';
  try {
    const { inputShape, outputs: width } = metadata;
    const { count, inputs, unknown } = encodeRows(rows, metadata, { source, delimiter });
    for (const each of unknown) options.onWarning?.(each);
    const outputs =
      count === 0
        ? new Float32Array()
        : await outputsOf(predictOf(model), { count, inputs, inputShape, outputs: width });
    const notFinite = new NotFiniteRows(metadata);
    notFinite.add(outputs);
    for (const each of notFinite.warnings(`${source}: the prediction`)) options.onWarning?.(each);
    const example = predictionOf(
      Array.from({ length: width }, () => 0),
      metadata,
    );
    const predictions = Array.from({ length: count }, (_, i) =>
      predictionOf([...outputs.subarray(i * width, (i + 1) * width)], metadata),
    );
    return { predictions, example, metadata, delimiter };
  } finally {
    model.dispose();
  }
}

/**
 * Predicts rows with a model of a run. Rows are preprocessed as in training; values are in the target's own units.
 * @param folder the run folder, or the folder of one model, such as one that `compress` wrote
 * @returns one prediction per row
 * @throws StillhouseError RUN_NOT_FOUND, RUN_INCOMPLETE, DATA_EMPTY, PREDICT_ROW, DATA_…, BACKEND_…, USAGE
 */
export async function predict(folder: string, rows: PredictRows, options: PredictOptions = {}): Promise<Prediction[]> {
  return (await predictRows(folder, rows, options)).predictions;
}

/**
 * Predicts rows of text, as text: a table as CSV with a header, the input's columns and then the prediction's; other
 * rows as one line of CSV each.
 * @param options.proba whether the probability of each class is given, rather than that of the predicted one
 * @throws StillhouseError as `predict` does
 */
export async function predictText(
  folder: string,
  text: string,
  options: PredictOptions & { readonly proba?: boolean | undefined } = {},
): Promise<string> {
  const { predictions, example, metadata, delimiter } = await predictRows(folder, text, options);
  const isTable = metadata.columns[0].type !== 'tensor';
  const table = isTable ? readCsv(text, { source: options.source ?? 'the list', delimiter }) : undefined;
  return predictionsText(predictions, { table, facts: metadata, example }, { proba: options.proba, delimiter });
}
