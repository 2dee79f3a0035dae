// Runs side by side: their results, and where their recipes differ.
import { formatPath, leavesOf, type RunRecord } from '@stillhouse/core';
import { shownMetrics } from '../tables.js';
import { modelSummaries, type ModelSummary } from '../runs/model-summary.js';
import { readRun, type TrainedRun } from '../runs/trained-run.js';

export interface Difference {
  /** Path in the recipe. */
  readonly path: string;
  /** One per run. */
  readonly values: readonly (string | undefined)[];
}

/** Paths whose values differ between recipes, in the order in which they occur. */
export function differences(recipes: readonly unknown[]): Difference[] {
  const all = recipes.map(
    (recipe) => new Map(Array.from(leavesOf(recipe), ([path, value]) => [formatPath(path), String(value)])),
  );
  const paths = [...new Set(all.flatMap((each) => [...each.keys()]))];
  return paths
    .map((path) => ({ path, values: all.map((each) => each.get(path)) }))
    .filter(({ values }) => new Set(values).size > 1);
}

export interface ComparedRun {
  readonly folder: string;
  readonly status: RunRecord['status'];
  /** Names of the metrics that the recipe shows; the tests of `models` have all metrics. */
  readonly metrics: readonly string[];
  readonly models: readonly ModelSummary[];
  /** Fingerprints of the engines that its workers computed with; more than one only if a mix was allowed. */
  readonly engines: readonly string[];
  /** Workers that took part. */
  readonly workers: number;
  /** Hash of all blocks of data. */
  readonly dataSha256: string;
}

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  /** Values in which the recipes differ, as texts; undefined if a recipe has none. */
  readonly recipes: readonly Difference[];
  /** Values that a search has chosen, by path in the recipe. */
  readonly tuned: readonly { readonly path: string; readonly values: readonly (number | undefined)[] }[];
}

const comparedRun = ({ folder, record, recipe }: TrainedRun): ComparedRun => ({
  folder,
  status: record.status,
  metrics: shownMetrics(recipe),
  models: modelSummaries(record),
  engines: [...new Set(record.workers.map(({ fingerprint }) => fingerprint))],
  workers: record.workers.length,
  dataSha256: record.dataset.sha256,
});

/**
 * Runs side by side: their results, and where their recipes differ.
 * @param folders run folders
 * @throws StillhouseError RUN_NOT_FOUND, EXTENSION_MODULE
 */
export async function compare(folders: readonly string[]): Promise<Comparison> {
  const runs = await Promise.all(folders.map((folder) => readRun(folder)));
  const tuned = runs.map(({ record }) => record.tuned?.values ?? {});
  return {
    runs: runs.map(comparedRun),
    recipes: differences(runs.map(({ record }) => record.recipe)),
    tuned: [...new Set(tuned.flatMap((values) => Object.keys(values)))].map((path) => ({
      path,
      values: tuned.map((values) => values[path]),
    })),
  };
}
