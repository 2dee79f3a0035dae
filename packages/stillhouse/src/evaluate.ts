// The test metrics of a run's models, recomputed from the files.
import { datasetOf, limits, StillhouseError, type PhaseName } from '@stillhouse/core';
import { finishMetrics, measuresOf, type Metrics } from '@stillhouse/core/training';
import { BlockReader } from '@stillhouse/datasets';
import type { BackendName } from '@stillhouse/worker/light';
import { openModel } from './runs/trained-model.js';
import { modelNames, openData, readRun } from './runs/trained-run.js';

export interface EvaluateOptions {
  /** `auto` by default. */
  readonly backend?: BackendName | undefined;
  /** Folder that the recipe's paths are relative to, if it has moved. */
  readonly recipeFolder?: string | undefined;
}

/** Test metrics of each model that a run has, in the order teacher, student, baseline. */
export type ModelMetrics = Readonly<Partial<Record<PhaseName, Metrics>>>;

/**
 * Recomputes the test metrics of a run's models from their files and the recipe's data.
 * @param folder the run folder
 * @throws StillhouseError RUN_NOT_FOUND, RUN_INCOMPLETE, BACKEND_…, DATA_…
 */
export async function evaluate(folder: string, options: EvaluateOptions = {}): Promise<ModelMetrics> {
  const run = await readRun(folder);
  const { evaluateRows, openInferenceBackend, predictOf } = await import('@stillhouse/worker');
  await openInferenceBackend(options.backend ?? 'auto');
  const names = modelNames(run);
  if (names.length === 0)
    throw new StillhouseError('RUN_INCOMPLETE', `${folder} has no model (the run is ${run.record.status})`);
  const {
    job,
    dataset: { blocks },
  } = await openData(run, options.recipeFolder);
  const measures = measuresOf(run.recipe);
  const results: Partial<Record<PhaseName, Metrics>> = {};
  for (const name of names) {
    const { model } = await openModel(run, name);
    const dataset = datasetOf(job.dataset, name);
    const reader = new BlockReader(dataset, async (hash) => (await blocks.read(hash))!, limits.keptBlockBytes);
    const rows = { dataset, measures, reader, set: 'test', first: 0, end: dataset.sets.test!.rowCount } as const;
    results[name] = finishMetrics(measures, await evaluateRows(predictOf(model), rows), dataset.targets);
    model.dispose();
  }
  return results;
}
