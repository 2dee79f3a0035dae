// Evaluates a model on rows of a set.
import { limits, type DatasetManifest, type SetName } from '@stillhouse/core';
import { addRows, emptySums, type Measures, type MetricSums } from '@stillhouse/core/training';
import { BlockReader } from '@stillhouse/datasets';
import { refuseWrongIndices } from './embedded-inputs.js';
import { type Predict } from './predict.js';

export interface EvaluatedRows {
  /** The data set as the model sees it. */
  readonly dataset: DatasetManifest;
  readonly measures: Measures;
  readonly reader: BlockReader;
  readonly set: SetName | undefined;
  readonly first: number;
  readonly end: number;
  /** What is known of the model's embedding of its inputs, if it may have one. */
  readonly embedded?: { readonly part: string; readonly indexCount: number | undefined };
  /** Awaited after each batch. */
  readonly yieldToEvents?: () => Promise<void>;
}

/** Metric sums of rows [first, end) of a set; none without a set. */
export async function evaluateRows(
  predict: Predict,
  { dataset, embedded, measures, reader, set, first: begin, end, yieldToEvents }: EvaluatedRows,
): Promise<MetricSums> {
  const { inputShape, outputs, targets } = dataset;
  const sums = emptySums(measures, outputs);
  if (!set) return sums;
  for (let first = begin; first < end; first += limits.evaluationBatchRows) {
    const count = Math.min(limits.evaluationBatchRows, end - first);
    const batch = await reader.read(
      dataset.sets[set]!,
      Array.from({ length: count }, (_, i) => first + i),
    );
    const name = (row: number): string => `row ${first + row + 1} of the set ${set}`;
    if (embedded) refuseWrongIndices(batch.x, embedded, { count, name });
    const predicted = await predict(batch.x, [count, ...inputShape]);
    await yieldToEvents?.();
    addRows(sums, measures, { rows: count, outputs: predicted, outputCount: outputs, labels: batch.y, targets });
  }
  return sums;
}
