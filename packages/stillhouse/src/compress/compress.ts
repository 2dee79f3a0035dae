// Models in smaller formats: the size, quality and speed of each, and which of them are on the Pareto front.
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  floatsOf,
  quantizeModel,
  StillhouseError,
  weightFormats,
  type PhaseName,
  type WeightFormat,
} from '@stillhouse/core';
import { measuresOf, type Metrics } from '@stillhouse/core/training';
import { installedEngines } from '@stillhouse/native';
import { backends, concreteBackendNames, inferenceBackend, type BackendName } from '@stillhouse/worker/light';
import { differences } from '../report/compare.js';
import { evaluateModel, readTest, timeRows, type TestRows } from '../report/evaluate-run.js';
import { openOutput, writeOutput } from '../runs/output.js';
import { openTestRows } from '../runs/test-rows.js';
import { openModel } from '../runs/trained-model.js';
import { mainModel, readModelFiles, readRun, type TrainedRun } from '../runs/trained-run.js';
import { markdownTable } from '../tables.js';
import type { CompressedModel } from './compressed-model.js';
import { compressTable, drawPareto } from './pareto.js';

interface Files {
  readonly json: string;
  readonly weights: Uint8Array;
}

/** Whether each is on the Pareto front: no other is at least as small and as good, and smaller or better. */
export function paretoFront(models: readonly { readonly gzippedBytes: number; readonly error: number }[]): boolean[] {
  return models.map(
    (one) =>
      !models.some(
        (other) =>
          other.gzippedBytes <= one.gzippedBytes &&
          other.error <= one.error &&
          (other.gzippedBytes < one.gzippedBytes || other.error < one.error),
      ),
  );
}

interface CompressTask {
  readonly run: TrainedRun;
  readonly name: PhaseName;
  readonly test: TestRows;
}

/** The most differences that a name shows. */
const shownDifferences = 3;

/**
 * Names that distinguish the models: by the differences between their recipes if they are few, otherwise by their
 * folders.
 */
export function namesOf(tasks: readonly { readonly run: TrainedRun; readonly name: PhaseName }[]): string[] {
  const found = differences(tasks.map(({ run }) => run.recipe));
  const areFew = found.length <= shownDifferences;
  return tasks.map(({ run, name }, i) =>
    [
      `${areFew ? run.recipe.name : basename(run.folder)} ${name}`,
      ...(areFew
        ? found
            .filter(({ path }) => path !== 'name')
            .flatMap(({ path, values }) =>
              values[i] === undefined ? [] : [`${path.slice(path.lastIndexOf('.') + 1)} ${values[i]}`],
            )
        : []),
    ].join(', '),
  );
}

interface Variant {
  readonly from: string;
  readonly format: WeightFormat;
  readonly folder: string;
  readonly test: TestRows;
  readonly files: Files;
  readonly bytes: number;
  readonly gzippedBytes: number;
  readonly sparsity: number;
}

/** Writes each model in each format. */
function writeVariants(tasks: readonly CompressTask[], out: string): Variant[] {
  const names = namesOf(tasks);
  return tasks.flatMap(({ run, name, test }, i) => {
    const { json, weights } = readModelFiles(run, name);
    const floats = floatsOf(weights);
    const sparsity = floats.filter((value) => value === 0).length / floats.length;
    return weightFormats.map((format) => {
      const files = quantizeModel(json, weights, format);
      const folder = join(out, `${i + 1}-${name}-${format}`);
      writeOutput(folder, { 'model.json': files.json, 'weights.bin': files.weights });
      const bytes = files.weights.length;
      const gzippedBytes = gzipSync(files.weights, { level: 9 }).length;
      return { from: names[i], format, folder, test, files, bytes, gzippedBytes, sparsity };
    });
  });
}

interface MeasuredVariant {
  metrics: Metrics;
  error: number;
  interval: readonly [number, number];
  rowMs: Partial<Record<BackendName, number>>;
}

/** The backends that models are served with, if this machine has them; the one that every machine has is the first. */
function servingBackends(): BackendName[] {
  const others = concreteBackendNames.filter((name) => {
    const { engine, serves } = backends[name];
    return name !== inferenceBackend && serves && (!engine || installedEngines(process.env, engine).length > 0);
  });
  return [inferenceBackend, ...others];
}

/** Tests each variant on the first backend and times it on all of them. */
async function measure(variants: readonly Variant[]): Promise<MeasuredVariant[]> {
  const { loadModel, openInferenceBackend, predictOf } = await import('@stillhouse/worker');
  const measured: MeasuredVariant[] = [];
  for (const backend of servingBackends()) {
    await openInferenceBackend(backend);
    for (const [i, { files, test }] of variants.entries()) {
      const model = await loadModel(files.json, files.weights);
      if (measured.length === i) {
        const { metrics, interval } = await evaluateModel(predictOf(model), test);
        const error = test.measures.loss.labels === 'numbers' ? metrics.rmse! : 1 - metrics.accuracy!;
        measured.push({ metrics, interval, error, rowMs: {} });
      }
      measured[i].rowMs[backend] = await timeRows(predictOf(model), test, 1);
      model.dispose();
    }
  }
  return measured;
}

async function taskOf(folder: string, { model, recipeFolder, onWarning }: CompressOptions): Promise<CompressTask> {
  const run = await readRun(folder);
  const name = model ?? mainModel(run);
  const rows = await openTestRows(run, { recipeFolder, onWarning });
  try {
    const dataset = rows.of(name);
    const test = { ...(await readTest(dataset, rows.blocks)), dataset, measures: measuresOf(run.recipe) };
    return { run, name, test };
  } finally {
    rows.dispose();
  }
}

/**
 * Loads each model once, before any is written.
 * @throws StillhouseError RUN_INCOMPLETE, DATA_FORMAT
 */
async function checkWhole(tasks: readonly CompressTask[]): Promise<void> {
  const { openInferenceBackend } = await import('@stillhouse/worker');
  await openInferenceBackend(inferenceBackend);
  for (const { run, name } of tasks) (await openModel(run, name)).model.dispose();
}

/** @throws StillhouseError USAGE if the errors of the runs cannot be compared */
function checkComparable(tasks: readonly CompressTask[]): void {
  const tested = tasks.map(({ test: { dataset, measures } }) =>
    JSON.stringify([measures.loss.labels === 'numbers', dataset.sets.test!.blocks]),
  );
  if (new Set(tested).size > 1)
    throw new StillhouseError(
      'USAGE',
      'the runs were tested on different rows, or some on classes and others on numbers: their errors cannot ' +
        'be compared',
      { next: 'Compress runs of one task at a time.' },
    );
}

export interface CompressOptions {
  /** Which model of each run; the student by default, or the teacher if there is no student. */
  readonly model?: PhaseName | undefined;
  /** Folder of the models, table.md, pareto.svg and compress.json; `compressed` by default. */
  readonly out?: string | undefined;
  /** Folder that the paths in the recipes are relative to, if it has moved. */
  readonly recipeFolder?: string | undefined;
  /** Called with what a reader of the test metrics should know, such as files that have changed since a run. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/**
 * Writes runs' models with weights of 32, 16 and 8 bits, tests and times each, and plots size against error.
 * @param folders run folders, whose test rows must be the same
 * @throws StillhouseError RUN_…, DATA_…, USAGE, OUT_UNWRITABLE
 */
export async function compress(
  folders: readonly string[],
  options: CompressOptions = {},
): Promise<readonly CompressedModel[]> {
  const { out = 'compressed' } = options;
  const tasks: CompressTask[] = [];
  for (const folder of folders) tasks.push(await taskOf(folder, options));
  checkComparable(tasks);
  await checkWhole(tasks);
  openOutput(out);
  const variants = writeVariants(tasks, out);
  const measured = await measure(variants);
  const front = paretoFront(variants.map(({ gzippedBytes }, i) => ({ gzippedBytes, error: measured[i].error })));
  const models = variants.map(({ test, files, ...variant }, i) => ({ ...variant, ...measured[i], isFront: front[i] }));
  writeOutput(out, {
    'compress.json': `${JSON.stringify(models, null, 2)}\n`,
    'table.md': markdownTable(compressTable(models)),
    'pareto.svg': drawPareto(models),
  });
  return models;
}
