// Runs what a search asks for in processes of this machine, until it has chosen.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StillhouseError, type Job } from '@stillhouse/core';
import { searchState, type CostOf, type SearchOptions, type SearchState, type TrialFold } from '@stillhouse/core/tune';
import type { BackendName } from '@stillhouse/worker/light';
import type { TrialLog } from './trial-log.js';
import { TrialPool } from './trial-pool.js';

/** Where trials run. */
export interface TrialPlace {
  /** Folder of the search. */
  readonly folder: string;
  /** A teacher that was trained in the run. */
  readonly teacher: { readonly file: string; readonly sha256: string } | undefined;
  readonly backend: BackendName;
  readonly environments: readonly NodeJS.ProcessEnv[];
  readonly onProgress: (progress: TuneProgress) => void;
  readonly signal: AbortSignal;
}

export interface TuneProgress {
  /** Finished trainings, and how many are known to be needed so far. */
  readonly done: number;
  readonly planned: number;
  readonly what: string;
}

export interface SearchTask {
  readonly job: Job;
  readonly search: SearchOptions;
  readonly phase: 'student' | 'baseline';
  readonly folds: readonly TrialFold[];
  readonly log: TrialLog;
  readonly costOf: CostOf;
}

/**
 * @returns the state of the search at its end
 * @throws StillhouseError INTERRUPTED, and what trials throw
 */
export async function runSearch(task: SearchTask, place: TrialPlace): Promise<SearchState> {
  const { folder, teacher, backend, environments, signal } = place;
  mkdirSync(folder, { recursive: true });
  const look = (): SearchState => searchState(task.search, task.costOf);
  let pool: TrialPool | undefined;
  const stop = (): void => pool?.close();
  signal.addEventListener('abort', stop);
  let state = look();
  try {
    while (state.pending.length > 0) {
      if (signal.aborted) throw new StillhouseError('INTERRUPTED', 'the search was interrupted');
      pool ??= new TrialPool({
        setting: { job: task.job, backend, teacher },
        environments: environments.slice(0, state.pending.length),
        logFile: join(folder, 'trials.log'),
      });
      await measure(pool, state, { task, onProgress: place.onProgress });
      state = look();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    pool?.close();
  }
  return state;
}

async function measure(
  pool: TrialPool,
  { pending, reason }: SearchState,
  { task, onProgress }: { task: SearchTask; onProgress: (progress: TuneProgress) => void },
): Promise<void> {
  const { log, folds, phase } = task;
  const before = log.size;
  // Without values to search there is one trial, which only shows for how many epochs to train.
  const isSearch = task.search.space.length > 0;
  const ofBaseline = isSearch ? `baseline, ${reason}` : `the baseline's epochs on ${folds.length} folds`;
  const what = phase === 'student' ? reason : ofBaseline;
  const report = (): void => onProgress({ done: log.size, planned: before + pending.length, what });
  report();
  const requests = pending.map((evaluation) => ({
    evaluation,
    phase,
    values: evaluation.values,
    fold: folds[evaluation.fold],
  }));
  await pool.run(requests, ({ evaluation }, { outcome, fingerprint, seconds }) => {
    log.add({ of: log.of, ...evaluation, ...outcome, seconds, fingerprint });
    report();
  });
}
