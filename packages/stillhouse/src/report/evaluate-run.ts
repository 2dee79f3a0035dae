// The outputs of each of a run's models for the test rows, and their speed.
import {
  isTrained,
  learnsFromOutputs,
  limits,
  type DatasetManifest,
  type PhaseName,
  type PretrainedTeacherConfig,
  type Recipe,
} from '@stillhouse/core';
import {
  addRows,
  emptySums,
  finishMetrics,
  measuresOf,
  targetError,
  type Measures,
  type Metrics,
} from '@stillhouse/core/training';
import { BlockReader, type BlockSource } from '@stillhouse/datasets';
import type { Predict } from '@stillhouse/worker';
import { outputsOf } from '../inference.js';
import type { RunTestRows } from '../runs/test-rows.js';
import type { RowCells } from './inputs.js';
import { openModel } from '../runs/trained-model.js';
import { modelNames, type TrainedRun } from '../runs/trained-run.js';

export interface EvaluatedModel {
  readonly name: PhaseName;
  readonly metrics: Metrics;
  /** 95 % interval of the error rate (Wilson 1927), or of the rmse, from that of the mean squared error. */
  readonly interval: readonly [low: number, high: number];
  /** Milliseconds per row, one at a time and in a batch. */
  readonly rowMs: number;
  readonly batchedRowMs: number;
  /** Outputs [rows, outputs]. */
  readonly outputs: Float32Array;
  readonly outputCount: number;
}

export interface EvaluatedRun {
  /** [rows, labelCount]. */
  readonly labels: Float32Array;
  /** The cells of a row, counted from 0, as they are stored; while the run's test rows are open. */
  readonly cellsOf: (row: number) => Promise<RowCells>;
  readonly rows: number;
  readonly dataset: DatasetManifest;
  readonly models: readonly EvaluatedModel[];
}

const z95 = 1.959964;

/** 95 % interval of the share of wrong rows. */
export function wilson(errors: number, rows: number): [number, number] {
  const share = errors / rows;
  const centre = (share + z95 ** 2 / (2 * rows)) / (1 + z95 ** 2 / rows);
  const half = (z95 / (1 + z95 ** 2 / rows)) * Math.sqrt((share * (1 - share)) / rows + z95 ** 2 / (4 * rows * rows));
  return [centre - half, centre + half];
}

/** Squared error of each row, mean over its targets in their own units. */
function squaredErrors(
  outputs: Float32Array,
  labels: Float32Array,
  { targets, outputs: width, labelCount: count }: DatasetManifest,
): number[] {
  return Array.from({ length: labels.length / count }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < count; k++)
      sum += targetError(outputs[row * width + k], labels[row * count + k], targets[k]) ** 2;
    return sum / count;
  });
}

function rmseInterval(squares: readonly number[]): [number, number] {
  const mean = squares.reduce((sum, value) => sum + value, 0) / squares.length;
  const variance = squares.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, squares.length - 1);
  const half = z95 * Math.sqrt(variance / squares.length);
  return [Math.sqrt(Math.max(0, mean - half)), Math.sqrt(mean + half)];
}

const timedRuns = 30;

/** The median of several runs, after one that is not counted. */
async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i <= timedRuns; i++) {
    const startedMs = performance.now();
    await work();
    if (i > 0) times.push(performance.now() - startedMs);
  }
  return times.sort((a, b) => a - b)[timedRuns >> 1];
}

const readerOf = (dataset: DatasetManifest, blocks: BlockSource): BlockReader =>
  new BlockReader(dataset, async (hash) => (await blocks.read(hash))!, limits.keptBlockBytes);

/** Reads the test rows as a model sees them. */
export async function readTest(
  dataset: DatasetManifest,
  blocks: BlockSource,
): Promise<{ x: Float32Array; y: Float32Array }> {
  const reader = readerOf(dataset, blocks);
  const set = dataset.sets.test!;
  return reader.read(
    set,
    Array.from({ length: set.rowCount }, (_, row) => row),
  );
}

export interface TestRows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** The data set as the model sees it. */
  readonly dataset: DatasetManifest;
  readonly measures: Measures;
}

/** Milliseconds for the first rows, in batches of the given size. */
export const timeRows = (predict: Predict, { x, dataset }: TestRows, count: number): Promise<number> =>
  medianMs(() =>
    predict(x.subarray(0, (count * x.length) / dataset.sets.test!.rowCount), [count, ...dataset.inputShape]),
  );

/** @returns the model's outputs for all test rows, and its metrics */
export async function evaluateModel(
  predict: Predict,
  { x, y, dataset, measures }: TestRows,
): Promise<Omit<EvaluatedModel, 'name' | 'rowMs' | 'batchedRowMs'>> {
  const rows = dataset.sets.test!.rowCount;
  const { inputShape, outputs: outputCount } = dataset;
  const outputs = await outputsOf(predict, { count: rows, inputs: x, inputShape, outputs: outputCount });
  const sums = emptySums(measures, outputCount);
  addRows(sums, measures, { rows, outputs, outputCount, labels: y, targets: dataset.targets });
  const metrics = finishMetrics(measures, sums, dataset.targets);
  return {
    metrics,
    interval:
      measures.loss.labels !== 'numbers'
        ? wilson(metrics.errors!, metrics.rows)
        : rmseInterval(squaredErrors(outputs, y, dataset)),
    outputs,
    outputCount,
  };
}

/** A pretrained teacher from whose outputs the student learns; it is tested as well, which needs the job. */
export const pretrainedOf = ({ teacher, distill }: Recipe): PretrainedTeacherConfig | undefined =>
  !isTrained(teacher) && learnsFromOutputs(distill!) ? teacher : undefined;

/** @throws StillhouseError for models and data that cannot be read */
export async function evaluateRun(run: TrainedRun, rows: RunTestRows): Promise<EvaluatedRun> {
  const { blocks, job } = rows;
  const { openPretrained, predictOf } = await import('@stillhouse/worker');
  const measures = measuresOf(run.recipe);
  const models: EvaluatedModel[] = [];
  let labels: Float32Array | undefined;
  const evaluateOne = async (name: PhaseName, predict: Predict): Promise<void> => {
    const dataset = rows.of(name);
    const test = { ...(await readTest(dataset, blocks)), dataset, measures };
    const batch = Math.min(limits.evaluationBatchRows, dataset.sets.test!.rowCount);
    models.push({
      name,
      ...(await evaluateModel(predict, test)),
      rowMs: await timeRows(predict, test, 1),
      batchedRowMs: (await timeRows(predict, test, batch)) / batch,
    });
    labels = test.y;
  };
  const teacher = pretrainedOf(run.recipe);
  if (job && teacher) {
    const there = await openPretrained(job, teacher, async (hash) => (await blocks.read(hash))!);
    await evaluateOne('teacher', there.predict);
    there.dispose();
  }
  for (const name of modelNames(run)) {
    const { model } = await openModel(run, name);
    await evaluateOne(name, predictOf(model));
    model.dispose();
  }
  const dataset = rows.of(models.at(-1)?.name ?? 'student');
  const reader = readerOf(dataset, blocks);
  const test = dataset.sets.test!;
  return {
    labels: labels ?? (await readTest(dataset, blocks)).y,
    cellsOf: (row) => reader.cells(test, row),
    rows: test.rowCount,
    dataset,
    models,
  };
}

export const argmax = (values: readonly number[]): number =>
  values.reduce((best, value, i, all) => (value > all[best] ? i : best), 0);

/** A model's outputs for one row. */
export const rowOf = ({ outputs, outputCount }: EvaluatedModel, row: number): number[] =>
  Array.from(outputs.subarray(row * outputCount, (row + 1) * outputCount));
