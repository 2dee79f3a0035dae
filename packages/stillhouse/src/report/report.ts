// A run written as one HTML file that needs no network.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StillhouseError } from '@stillhouse/core';
import { writeWhole } from '@stillhouse/datasets';
import { inferenceBackendFor } from '@stillhouse/worker/light';
import { openTestRows } from '../runs/test-rows.js';
import { modelNames, readRun, type TrainedRun } from '../runs/trained-run.js';
import { reportHtml, type ReportInput } from './html.js';
import { evaluateRun, pretrainedOf } from './evaluate-run.js';

export interface ReportOptions {
  /** File to write; report.html in the run folder by default. */
  readonly out?: string | undefined;
  /** Folder that the recipe's paths are relative to, if it has moved. */
  readonly recipeFolder?: string | undefined;
}

export interface Report {
  /** The file that was written. */
  readonly file: string;
  /** Why the report lacks the parts that need the test rows; undefined if it has them. */
  readonly missing: string | undefined;
  /** What a reader should know of its test rows, such as files that have changed since the run; it has them, too. */
  readonly warnings: readonly string[];
}

type Tested = Pick<ReportInput, 'evaluated' | 'missing' | 'backend' | 'warnings'> & { readonly dispose?: () => void };

/** The parts that need the test rows, or the reason why they are missing. */
async function testedOf(run: TrainedRun, recipeFolder: string | undefined): Promise<Tested> {
  if (modelNames(run).length === 0 && !pretrainedOf(run.recipe))
    return { evaluated: undefined, missing: 'the run has no trained model', backend: undefined, warnings: [] };
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  try {
    const rows = await openTestRows(run, { recipeFolder, withJob: pretrainedOf(run.recipe) !== undefined, onWarning });
    try {
      const backend = inferenceBackendFor((rows.job?.assets.teachers ?? []).map(({ format }) => format));
      const { openInferenceBackend } = await import('@stillhouse/worker');
      await openInferenceBackend(backend);
      const evaluated = await evaluateRun(run, rows);
      return { evaluated, missing: undefined, backend, warnings, dispose: () => rows.dispose() };
    } catch (error) {
      rows.dispose();
      throw error;
    }
  } catch (error) {
    if (!(error instanceof StillhouseError)) throw error;
    return { evaluated: undefined, missing: error.message, backend: undefined, warnings };
  }
}

/**
 * Writes a run as one HTML file: results with intervals, curves, tuning, confusion, calibration, disagreements.
 * @param folder the run folder
 * @throws StillhouseError RUN_NOT_FOUND, OUT_UNWRITABLE
 */
export async function report(folder: string, options: ReportOptions = {}): Promise<Report> {
  const run = await readRun(folder);
  const { record, recipe } = run;
  const tested = await testedOf(run, options.recipeFolder);
  const file = options.out ?? join(folder, 'report.html');
  const html = await reportHtml({ record, recipe, ...tested }).finally(() => tested.dispose?.());
  try {
    // A path that the user gives may be anything, such as a pipe.
    if (options.out === undefined) writeWhole(file, html);
    else writeFileSync(file, html);
  } catch (cause) {
    throw new StillhouseError('OUT_UNWRITABLE', `${file} cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
  return { file, missing: tested.missing, warnings: tested.warnings };
}
