// Tests a pretrained teacher.
import { datasetOf, limits, type Job } from '@stillhouse/core';
import { finishMetrics, measuresOf, type Metrics } from '@stillhouse/core/training';
import { BlockReader } from '@stillhouse/datasets';
import type { FetchBlock } from '../../block/fetch-block.js';
import { evaluateRows } from '../../model/evaluate.js';
import { predictBy } from './predict-by.js';
import type { Teacher } from './teacher.js';

/** Test metrics of a pretrained teacher; undefined without test rows. */
export async function testTeacher(
  teacher: Teacher,
  { dataset: all, recipe }: Job,
  { fetchBlock, yieldToEvents }: { fetchBlock: FetchBlock; yieldToEvents: () => Promise<void> },
): Promise<Metrics | undefined> {
  const measures = measuresOf(recipe);
  const dataset = datasetOf(all, 'teacher');
  const { test } = dataset.sets;
  if (!test) return undefined;
  const reader = new BlockReader(dataset, fetchBlock, limits.keptBlockBytes);
  return finishMetrics(
    measures,
    await evaluateRows(predictBy(teacher), {
      dataset,
      measures,
      reader,
      set: 'test',
      first: 0,
      end: test.rowCount,
      yieldToEvents,
    }),
    dataset.targets,
  );
}
