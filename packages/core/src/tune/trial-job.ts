// The job of a trial: the student on the small set without one fold, tested on that fold, without the run's own test
// set.
import type { Job, SetManifest } from '../job/job.js';
import type { Fold } from './folds.js';
import { tunedJob, type TunedValues } from './space.js';

export function trialJob(job: Job, values: TunedValues, fold: Fold): Job {
  const { test, small, ...sets } = job.dataset.sets;
  const part = (rows: readonly number[]): SetManifest => ({ ...small!, rowCount: rows.length, selection: rows });
  return {
    ...tunedJob(job, values),
    dataset: { ...job.dataset, sets: { ...sets, small: part(fold.train), test: part(fold.heldOut) } },
  };
}
