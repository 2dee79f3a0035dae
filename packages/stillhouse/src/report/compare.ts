// Runs side by side: their results, and where their recipes differ.
import { formatPath, leavesOf, teacherTestOf, type RunRecord } from '@stillhouse/core';
import { lossOf, metricsOf, type Metrics } from '@stillhouse/core/training';
import { shownMetrics } from '../tables.js';
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
  /** The first of the recipe's metrics, which the test values are given in. */
  readonly metric: string;
  /** Undefined if the run has no such model; the same for the others. */
  readonly teacher: number | undefined;
  readonly student: number | undefined;
  readonly baseline: number | undefined;
  readonly studentBytes: number | undefined;
}

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  /** Values in which the recipes differ, as texts; undefined if a recipe has none. */
  readonly recipes: readonly Difference[];
  /** Values that a search has chosen, by path in the recipe. */
  readonly tuned: readonly Difference[];
}

function comparedRun({ folder, record, recipe }: TrainedRun): ComparedRun {
  const metric = shownMetrics(recipe)[0] ?? metricsOf(lossOf(recipe.loss))[0];
  const value = (test: unknown): number | undefined => (test as Metrics | undefined)?.[metric];
  return {
    folder,
    status: record.status,
    metric,
    teacher: value(teacherTestOf(record)),
    student: value(record.student?.test),
    baseline: value(record.baseline?.test),
    studentBytes: record.student?.bytes,
  };
}

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
      values: tuned.map((values) => (path in values ? String(values[path]) : undefined)),
    })),
  };
}
