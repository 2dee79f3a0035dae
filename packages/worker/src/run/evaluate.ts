// How good a model is on rows of a set.
import {
  addRows,
  datasetOf,
  emptySums,
  finishMetrics,
  limits,
  type DatasetManifest,
  type Job,
  type LossName,
  type Metrics,
  type MetricSums,
  type SetName,
} from '@stillhouse/core';
import { BlockReader } from '@stillhouse/datasets';
import type { Teacher } from '../distill/teacher/teacher.js';
import type { FetchBlock } from '../engine/engine.js';
import { predictBy, type Predict } from './predict.js';

export interface EvaluatedRows {
  /** As the model sees it. */
  readonly dataset: DatasetManifest;
  readonly loss: LossName;
  readonly reader: BlockReader;
  readonly set: SetName | undefined;
  readonly first: number;
  readonly end: number;
  /** Is awaited after each batch. */
  readonly breathe?: () => Promise<void>;
}

/** Metric sums of rows [first, end) of a set; none without a set. */
export async function evaluateRows(
  predict: Predict,
  { dataset, loss, reader, set, first: begin, end, breathe }: EvaluatedRows,
): Promise<MetricSums> {
  const { inputShape, outputs } = dataset;
  const sums = emptySums(loss, outputs);
  if (!set) return sums;
  for (let first = begin; first < end; first += limits.evaluationBatchRows) {
    const count = Math.min(limits.evaluationBatchRows, end - first);
    const batch = await reader.read(
      dataset.sets[set]!,
      Array.from({ length: count }, (_, i) => first + i),
    );
    const predicted = await predict(batch.x, [count, ...inputShape]);
    await breathe?.();
    addRows(sums, loss, { rows: count, outputs: predicted, outputCount: outputs, labels: batch.y });
  }
  return sums;
}

/** Test metrics of a teacher that was there already; undefined without test rows. */
export async function testTeacher(
  teacher: Teacher,
  { dataset: all, recipe: { loss } }: Job,
  { fetchBlock, breathe }: { fetchBlock: FetchBlock; breathe: () => Promise<void> },
): Promise<Metrics | undefined> {
  const dataset = datasetOf(all, 'teacher');
  const { test } = dataset.sets;
  if (!test) return undefined;
  const reader = new BlockReader(dataset, fetchBlock, limits.keptBlockBytes);
  return finishMetrics(
    loss,
    await evaluateRows(predictBy(teacher), {
      dataset,
      loss,
      reader,
      set: 'test',
      first: 0,
      end: test.rowCount,
      breathe,
    }),
    dataset.targets,
  );
}
