// The job of a trial: the student, or the baseline, on the small set without one fold, tested on that fold, without
// the run's own test set.
import type { Job, SetManifest } from '../job/job.js';
import type { Fold } from './folds.js';
import { tunedJob, type TunedValues } from './space.js';

export interface TrialFold extends Fold {
  /** Whether the held-out rows are evaluated after each epoch as well. */
  readonly isWatched?: boolean | undefined;
}

export function trialJob(job: Job, values: TunedValues, fold: TrialFold): Job {
  const { test, small, ...sets } = job.dataset.sets;
  const part = (rows: readonly number[]): SetManifest => ({ ...small!, rowCount: rows.length, selection: rows });
  return {
    ...tunedJob(job, values),
    dataset: {
      ...job.dataset,
      sets: {
        ...sets,
        small: part(fold.train),
        test: part(fold.heldOut),
        ...(fold.isWatched ? { smallValidation: part(fold.heldOut) } : {}),
      },
    },
  };
}
