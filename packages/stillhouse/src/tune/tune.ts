// The search for the student's hyperparameters: cross-validation on the small set, on this machine's cores.
import { join } from 'node:path';
import { datasetOf, StillhouseError, type Job, type Recipe, type TunedRecord } from '@stillhouse/core';
import { lossOf, smallerIsBetter, type MetricName, type Metrics } from '@stillhouse/core/training';
import { foldsOf, spaceOf, type Dimension, type Evaluation, type Fold } from '@stillhouse/core/tune';
import { hashJson } from '@stillhouse/coordinator';
import { type BlockSource, BlockReader, writeWhole } from '@stillhouse/datasets';
import { drawMap } from './map.js';
import { runSearch, type TrialPlace } from './search.js';
import { TrialLog } from './trial-log.js';

export interface TunePlan {
  readonly space: readonly Dimension[];
  readonly folds: readonly Fold[];
  readonly metric: MetricName;
}

export const tunedMetric = ({ loss, distill }: Pick<Recipe, 'loss' | 'distill'>): MetricName =>
  distill?.tune?.metric ?? (lossOf(loss).labels === 'numbers' ? 'rmse' : 'accuracy');

/** Class of each row of the small set; undefined if rows have none. */
export async function smallLabels(job: Job, blocks: BlockSource): Promise<Float32Array | undefined> {
  if (lossOf(job.recipe.loss).labels !== 'class') return undefined;
  const dataset = datasetOf(job.dataset, 'student');
  const small = dataset.sets.small!;
  const reader = new BlockReader(dataset, async (hash) => (await blocks.read(hash))!);
  const rows = Array.from({ length: small.rowCount }, (_, row) => row);
  return (await reader.read(small, rows)).y;
}

/**
 * The space of a search, and its folds.
 * @throws StillhouseError RECIPE_INVALID, TUNE_FOLDS
 */
export async function planTuning(job: Job, blocks: BlockSource): Promise<TunePlan> {
  const { recipe } = job;
  const { folds, repeats } = recipe.distill!.tune!;
  const space = spaceOf(recipe);
  const { sets, classes } = datasetOf(job.dataset, 'student');
  const labels = await smallLabels(job, blocks);
  const config = { folds, repeats, seed: recipe.seed };
  const nameOf = (label: number): string => classes?.[label] ?? String(label);
  return { space, folds: foldsOf(sets.small!.rowCount, labels, config, nameOf), metric: tunedMetric(recipe) };
}

export interface TuneOptions extends TrialPlace {
  readonly job: Job;
  readonly plan: TunePlan;
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
  const { job, plan, folder } = options;
  const { metric } = plan;
  const log = new TrialLog(join(folder, 'trials.jsonl'), identityOf(options));
  const startedMs = performance.now();
  const state = await runSearch(
    {
      job,
      search: { recipe: job.recipe, space: plan.space, config: job.recipe.distill!.tune! },
      phase: 'student',
      folds: plan.folds,
      log,
      costOf: (evaluation) => {
        const entry = log.find(evaluation);
        return entry && costOf(metric, entry.metrics);
      },
    },
    options,
  );
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
