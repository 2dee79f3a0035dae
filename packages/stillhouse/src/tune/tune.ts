// The search for the student's hyperparameters: cross-validation on the small set, on this machine's cores.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { datasetOf, StillhouseError, type Job, type Recipe, type TunedRecord } from '@stillhouse/core';
import { lossOf, smallerIsBetter, type MetricName, type Metrics } from '@stillhouse/core/training';
import {
  foldsOf,
  searchState,
  spaceOf,
  type Dimension,
  type Evaluation,
  type Fold,
  type SearchState,
} from '@stillhouse/core/tune';
import { hashJson } from '@stillhouse/coordinator';
import { BlockReader, type BlockSource, writeWhole } from '@stillhouse/datasets';
import type { BackendName } from '@stillhouse/worker/light';
import { drawMap } from './map.js';
import { TrialLog } from './trial-log.js';
import { TrialPool } from './trial-pool.js';

export interface TunePlan {
  readonly space: readonly Dimension[];
  readonly folds: readonly Fold[];
  readonly metric: MetricName;
}

export const tunedMetric = ({ loss, distill }: Recipe): MetricName =>
  distill!.tune!.metric ?? (lossOf(loss).labels === 'numbers' ? 'rmse' : 'accuracy');

/**
 * The space of a search, and its folds.
 * @throws StillhouseError RECIPE_INVALID, TUNE_FOLDS
 */
export async function planTuning(job: Job, blocks: BlockSource): Promise<TunePlan> {
  const { recipe } = job;
  const { folds, repeats } = recipe.distill!.tune!;
  const space = spaceOf(recipe);
  const dataset = datasetOf(job.dataset, 'student');
  const small = dataset.sets.small!;
  const config = { folds, repeats, seed: recipe.seed };
  const metric = tunedMetric(recipe);
  if (lossOf(recipe.loss).labels !== 'class')
    return { space, folds: foldsOf(small.rowCount, undefined, config), metric };
  const reader = new BlockReader(dataset, async (hash) => (await blocks.read(hash))!);
  const { y } = await reader.read(
    small,
    Array.from({ length: small.rowCount }, (_, row) => row),
  );
  return {
    space,
    folds: foldsOf(small.rowCount, y, config, (label) => dataset.classes?.[label] ?? String(label)),
    metric,
  };
}

export interface TuneOptions {
  readonly job: Job;
  readonly plan: TunePlan;
  /** Folder of the search: trials.jsonl, tune.json, map.svg, and the processes' log. */
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

/** What a trial's outcome depends on besides its values and fold; another kind of search has the same trials. */
function identityOf({ job, teacher }: TuneOptions): string {
  const { tune, ...distill } = job.recipe.distill!;
  const { folds, repeats } = tune!;
  const { test, ...sets } = job.dataset.sets;
  return hashJson({
    teacher: teacher?.sha256 ?? null,
    recipe: { ...job.recipe, distill },
    folds,
    repeats,
    sets,
    assets: job.assets,
  });
}

/** Smaller is better. */
const costOf = (metric: MetricName, metrics: Metrics | undefined): number => {
  const value = metrics?.[metric];
  return value === undefined || !Number.isFinite(value) ? Infinity : smallerIsBetter(metric) ? value : -value;
};

/** @throws StillhouseError TUNE_FAILED, INTERRUPTED, and what trials throw */
export async function tune(options: TuneOptions): Promise<TunedRecord> {
  const { job, plan, folder, teacher, backend, environments, signal } = options;
  const { metric } = plan;
  const log = new TrialLog(join(folder, 'trials.jsonl'), identityOf(options));
  mkdirSync(folder, { recursive: true });
  const search = { recipe: job.recipe, space: plan.space, config: job.recipe.distill!.tune! };
  const look = (): SearchState =>
    searchState(search, (evaluation) => {
      const entry = log.find(evaluation);
      return entry && costOf(metric, entry.metrics);
    });
  const startedMs = performance.now();
  let pool: TrialPool | undefined;
  const stop = (): void => pool?.close();
  signal.addEventListener('abort', stop);
  let state = look();
  try {
    while (state.pending.length > 0) {
      if (signal.aborted) throw new StillhouseError('INTERRUPTED', 'the search was interrupted');
      pool ??= new TrialPool({
        setting: { job, backend, teacher },
        environments: environments.slice(0, state.pending.length),
        logFile: join(folder, 'trials.log'),
      });
      await measure(pool, state, { log, folds: plan.folds, onProgress: options.onProgress });
      state = look();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    pool?.close();
  }
  const { chosen, measured, reason } = state;
  if (!chosen)
    throw new StillhouseError('TUNE_FAILED', `the search of ${measured.length} trials found nothing: ${reason}`);
  const sign = smallerIsBetter(metric) ? 1 : -1;
  const common = Math.min(...measured.map(({ folds }) => folds));
  const comparable = ({ values }: Pick<Evaluation, 'values'>): number | null => {
    const costs = Array.from({ length: common }, (_, fold) => costOf(metric, log.find({ values, fold })?.metrics));
    const mean = costs.reduce((sum, cost) => sum + cost, 0) / common;
    return Number.isFinite(mean) ? sign * mean : null;
  };
  const record: TunedRecord = {
    values: chosen.values,
    reason,
    metric,
    mean: sign * chosen.mean,
    standardError: chosen.standardError,
    trials: measured.map(({ trial, values, folds, mean, standardError }) => ({
      trial,
      values,
      folds,
      mean: Number.isFinite(mean) ? sign * mean : null,
      standardError: Number.isFinite(standardError) ? standardError : null,
      comparable: comparable({ values }),
    })),
    folds: plan.folds.length,
    trainings: log.size,
    seconds: (performance.now() - startedMs) / 1000,
  };
  writeWhole(join(folder, 'tune.json'), `${JSON.stringify(record, null, 2)}\n`);
  writeWhole(join(folder, 'map.svg'), drawMap(record, plan.space));
  return record;
}

async function measure(
  pool: TrialPool,
  { pending, reason }: SearchState,
  { log, folds, onProgress }: { log: TrialLog; folds: readonly Fold[]; onProgress: (progress: TuneProgress) => void },
): Promise<void> {
  const before = log.size;
  const report = (): void => onProgress({ done: log.size, planned: before + pending.length, what: reason });
  report();
  const requests = pending.map((evaluation) => ({
    evaluation,
    values: evaluation.values,
    fold: folds[evaluation.fold],
  }));
  await pool.run(requests, ({ evaluation }, { outcome, fingerprint, seconds }) => {
    log.add({ of: log.of, ...evaluation, ...outcome, seconds, fingerprint });
    report();
  });
}
