// Predicts rows: rows of tables as objects or CSV, other rows as arrays of numbers.
import {
  encodeTableRows,
  encodeTensorRows,
  predictionOf,
  StillhouseError,
  type ModelMetadata,
  type PhaseName,
  type RowErrorCode,
  type TableRow,
} from '@stillhouse/core';
import type { Prediction } from '@stillhouse/core/training';
import type { BackendName } from '@stillhouse/worker/light';
import { outputsOf } from './inference.js';
import { numberRowsOf, tableRowsOf } from './rows-text.js';
import { openModel } from './runs/trained-model.js';
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
  /** The student by default, or the teacher if there is no student. */
  readonly model?: PhaseName | undefined;
  /** `auto` by default. */
  readonly backend?: BackendName | undefined;
  /** What the rows are called in errors; `the list` by default. */
  readonly source?: string | undefined;
}

function tableRows(rows: PredictRows, { columns }: ModelMetadata, source: string): TableRow[] {
  if (typeof rows === 'string') return tableRowsOf(rows, source);
  return rows.map((row, i) => {
    if (!Array.isArray(row)) return row as TableRow;
    if (row.length !== columns.length)
      throw new StillhouseError(
        'PREDICT_ROW',
        `${source}, row ${i + 1} has ${row.length} cells; the model takes ` +
          `${columns.map(({ name }) => name).join(', ')}`,
      );
    return Object.fromEntries(columns.map(({ name }, k) => [name, (row as TableRow[string][])[k]]));
  });
}

function numberRows(rows: PredictRows, source: string): unknown[][] {
  if (typeof rows === 'string') return numberRowsOf(rows, source);
  return rows.map((row, i) => {
    if (!Array.isArray(row))
      throw new StillhouseError('PREDICT_ROW', `${source}, row ${i + 1} is not an array of numbers`);
    return (row as unknown[]).flat(Infinity);
  });
}

/**
 * Rows as a model's inputs, preprocessed as in training.
 * @returns the number of rows, and [rows, …inputShape]
 * @throws StillhouseError DATA_EMPTY, PREDICT_ROW, DATA_… naming row and column
 */
export function encodeRows(
  rows: PredictRows,
  metadata: ModelMetadata,
  source: string,
): { count: number; inputs: Float32Array } {
  const errorOf = (code: RowErrorCode, message: string): StillhouseError =>
    new StillhouseError(code, `${source}, ${message}`);
  const { columns } = metadata;
  const [column] = columns;
  const given = column.type === 'tensor' ? numberRows(rows, source) : tableRows(rows, metadata, source);
  if (given.length === 0) throw new StillhouseError('DATA_EMPTY', `${source} has no rows`);
  const inputs =
    column.type === 'tensor'
      ? encodeTensorRows(column, given as number[][], errorOf)
      : encodeTableRows(columns, given as TableRow[], errorOf);
  return { count: given.length, inputs };
}

/**
 * Predicts rows with a model of a run. Rows are preprocessed as in training; values are in the target's own units.
 * @param folder the run folder
 * @returns one prediction per row
 * @throws StillhouseError RUN_NOT_FOUND, RUN_INCOMPLETE, DATA_EMPTY, PREDICT_ROW, DATA_…, BACKEND_…
 */
export async function predict(folder: string, rows: PredictRows, options: PredictOptions = {}): Promise<Prediction[]> {
  const run = await readRun(folder);
  const { openInferenceBackend, predictOf } = await import('@stillhouse/worker');
  await openInferenceBackend(options.backend ?? 'auto');
  const { model, metadata } = await openModel(run, options.model ?? mainModel(run));
  try {
    const { inputShape, outputs: width } = metadata;
    const { count, inputs } = encodeRows(rows, metadata, options.source ?? 'the list');
    const outputs = await outputsOf(predictOf(model), { count, inputs, inputShape, outputs: width });
    return Array.from({ length: count }, (_, i) =>
      predictionOf([...outputs.subarray(i * width, (i + 1) * width)], metadata),
    );
  } finally {
    model.dispose();
  }
}
