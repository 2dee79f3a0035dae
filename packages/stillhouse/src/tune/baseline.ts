// For how many epochs the baseline trains, and with which values: cross-validation on the small set, without a teacher,
// on this machine's cores.
import { join } from 'node:path';
import { datasetOf, StillhouseError, type BaselineRecord, type Job } from '@stillhouse/core';
import {
  baselineFolds,
  baselineSearch,
  bestCost,
  chooseEpochs,
  foldsOf,
  withBaselineValues,
  type Curve,
  type Dimension,
  type SearchOptions,
  type TrialFold,
} from '@stillhouse/core/tune';
import { hashJson } from '@stillhouse/coordinator';
import type { BlockSource } from '@stillhouse/datasets';
import { runSearch, type TrialPlace } from './search.js';
import { TrialLog } from './trial-log.js';
import { smallLabels, tunedMetric, type TunePlan } from './tune.js';

export interface BaselineOptions extends TrialPlace {
  /** With the values that were tuned for the student. */
  readonly job: Job;
  /** How the student was tuned, if it was: the baseline gets the same budget. */
  readonly plan: TunePlan | undefined;
  readonly blocks: BlockSource;
}

type Plan = {
  readonly space: readonly Dimension[];
  readonly search: SearchOptions['config']['search'];
  readonly folds: readonly TrialFold[];
};

const oneTrial: Pick<Plan, 'space' | 'search'> = { space: [], search: { name: 'grid', points: 1 } };

/** Without a search of the student's values there is one trial, on up to five folds. */
async function planOf({ job, plan, blocks }: BaselineOptions): Promise<Plan> {
  const watched = (folds: readonly TrialFold[]): TrialFold[] => folds.map((fold) => ({ ...fold, isWatched: true }));
  if (plan) return { ...baselineSearch(job.recipe, plan.space), folds: watched(plan.folds) };
  const { rowCount } = datasetOf(job.dataset, 'student').sets.small!;
  const labels = await smallLabels(job, blocks);
  const folds = baselineFolds(rowCount, labels);
  if (folds < 2) return { ...oneTrial, folds: [] };
  return { ...oneTrial, folds: watched(foldsOf(rowCount, labels, { folds, repeats: 1, seed: job.recipe.seed })) };
}

const reasonOf = (rule: SearchOptions['config']['rule']): string =>
  rule === 'best'
    ? 'the number of epochs with the best mean over folds'
    : 'the most epochs that are within one standard error of the best';

/**
 * @returns what was chosen; all epochs of the student if the small set cannot be cross-validated
 * @throws StillhouseError TUNE_FAILED, INTERRUPTED, and what trials throw
 */
export async function chooseBaseline(options: BaselineOptions): Promise<BaselineRecord> {
  const { plan, folder } = options;
  const { space, search: kind, folds } = await planOf(options);
  const recipe = withBaselineValues(options.job.recipe, space);
  const job = { ...options.job, recipe };
  const { epochs: studentEpochs, prune } = recipe.student!;
  const metric = tunedMetric(recipe);
  const common = { studentEpochs, metric, folds: folds.length };
  if (folds.length === 0)
    return {
      ...common,
      epochs: studentEpochs,
      values: {},
      mean: null,
      meanOfAll: null,
      trials: 0,
      trainings: 0,
      seconds: 0,
      reason: 'the small set, or a class of it, has a single row and cannot be cross-validated',
    };
  const startedMs = performance.now();
  const least = prune ? prune.to + 1 : 1;
  const { test, ...sets } = job.dataset.sets;
  const of = hashJson({ baseline: true, recipe, sets, assets: job.assets, folds: folds.length });
  const log = new TrialLog(join(folder, 'baseline.jsonl'), of);
  const config: SearchOptions['config'] = plan
    ? { ...recipe.distill!.tune!, search: kind }
    : { search: kind, folds: folds.length, repeats: 1, rule: 'oneStandardError' };
  const search = { recipe, space, config };
  const state = await runSearch(
    {
      job,
      search,
      phase: 'baseline',
      folds,
      log,
      costOf: (evaluation) => {
        const entry = log.find(evaluation);
        return entry && (entry.curve ? bestCost(entry.curve, metric, least) : Infinity);
      },
    },
    { ...options, teacher: undefined },
  );
  const { chosen, measured, reason } = state;
  if (!chosen) throw new StillhouseError('TUNE_FAILED', `the baseline's numbers were not finite: ${reason}`);
  const curves = folds.map((_, fold): Curve => log.find({ values: chosen.values, fold })!.curve!);
  const { epochs, mean, meanOfAll } = chooseEpochs(curves, metric, { least, rule: config.rule });
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    ...common,
    epochs,
    values: chosen.values,
    mean: finite(mean),
    meanOfAll: finite(meanOfAll),
    trials: measured.length,
    trainings: log.size,
    seconds: (performance.now() - startedMs) / 1000,
    reason: plan
      ? `tuned in at least as many trials as the student, ${reason}; ${reasonOf(config.rule)}`
      : reasonOf(config.rule),
  };
}

/** The values of a recipe that a choice stands for, by path. */
export const valuesOf = ({ epochs, values }: BaselineRecord): Record<string, number> => ({
  ...values,
  'baseline.epochs': epochs,
});
