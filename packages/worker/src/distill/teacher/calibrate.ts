// Calibrates a teacher before a student learns from it: the temperature at which its probabilities match its accuracy.
import { datasetOf, limits, type Job } from '@stillhouse/core';
import { fitTemperature, lossOf, type Calibration } from '@stillhouse/core/training';
import { BlockReader } from '@stillhouse/datasets';
import type { FetchBlock } from '../../block/fetch-block.js';
import { joinFloats } from '../../flat/memory.js';
import { predictBy } from './predict-by.js';
import type { Teacher } from './teacher.js';

/** Fits it on rows that were held out of the teacher's training, or on the small set if there are none. */
export async function calibrate(teacher: Teacher, job: Job, fetchBlock: FetchBlock): Promise<Calibration> {
  const isHeldOut = job.dataset.sets.largeValidation !== undefined;
  const dataset = datasetOf(job.dataset, isHeldOut ? 'teacher' : 'student');
  const set = isHeldOut ? dataset.sets.largeValidation! : dataset.sets.small!;
  const reader = new BlockReader(dataset, fetchBlock, limits.keptBlockBytes);
  const predict = predictBy(teacher);
  const outputs: Float32Array[] = [];
  const labels: Float32Array[] = [];
  for (let first = 0; first < set.rowCount; first += limits.evaluationBatchRows) {
    const rows = Math.min(limits.evaluationBatchRows, set.rowCount - first);
    const batch = await reader.read(
      set,
      Array.from({ length: rows }, (_, i) => first + i),
    );
    outputs.push(await predict(batch.x, [rows, ...dataset.inputShape]));
    labels.push(batch.y);
  }
  const all = joinFloats(outputs);
  return fitTemperature(lossOf(job.recipe.loss), {
    outputs: all,
    outputCount: all.length / set.rowCount,
    labels: joinFloats(labels),
    rows: set.rowCount,
  });
}
