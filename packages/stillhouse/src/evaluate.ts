// The test metrics of a run's models, recomputed from their files, on the run's test rows or on others.
import { checkSetIndices, openRecipe } from '@stillhouse/coordinator';
import { hasTable, limits, StillhouseError, type PhaseName, type Recipe } from '@stillhouse/core';
import { finishMetrics, measuresOf, readingOf, type Metrics } from '@stillhouse/core/training';
import { BlockReader, dataFolders, sourceOf, type DataPlaces } from '@stillhouse/datasets';
import type { Predict } from '@stillhouse/worker';
import type { BackendName } from '@stillhouse/worker/light';
import { NotFiniteRows } from './not-finite.js';
import { openModel, type TrainedModel } from './runs/trained-model.js';
import { sourceLike } from './evaluated-source.js';
import { openTestRows } from './runs/test-rows.js';
import { phaseTitles } from './tables.js';
import { modelNames, readRun, type TrainedRun } from './runs/trained-run.js';

export interface EvaluateOptions {
  /** `auto` by default. */
  readonly backend?: BackendName | undefined;
  /** Folder that the recipe's paths are relative to, if it has moved. */
  readonly recipeFolder?: string | undefined;
  /** File or folder of other rows with labels, read as the run's own are; by default the run's test rows. */
  readonly data?: string | undefined;
  /** Delimiter of its cells, if it is CSV; by default the recipe's. */
  readonly delimiter?: string | undefined;
  /**
   * Called with what a reader of the metrics should know, such as categories that training rows did not have, or
   * predictions that are no finite numbers.
   */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Test metrics of each model that a run has, in the order teacher, student, baseline. */
export type ModelMetrics = Readonly<Partial<Record<PhaseName, Metrics>>>;

/** The run's recipe with other test rows. */
async function withTest(run: TrainedRun, { data, delimiter }: EvaluateOptions, places: DataPlaces): Promise<Recipe> {
  if (data === undefined) return run.recipe;
  const { split, table, ...rest } = run.recipe.data;
  const source = sourceOf(data, places);
  if (hasTable(source) && !table)
    throw new StillhouseError('DATA_FORMAT', `${data} is a table, but the models of ${run.folder} take no table`, {
      next: 'Give rows in the format of the run’s own.',
    });
  return openRecipe(
    {
      ...run.recipe,
      data: {
        ...rest,
        test: sourceLike(source, rest.test ?? rest.large),
        ...(split ? { split: { ...split, test: 0 } } : {}),
        ...(table ? { table: { ...table, ...(delimiter === undefined ? {} : { delimiter }) } } : {}),
      },
    },
    run.record.recipeFolder,
  );
}

/**
 * Recomputes the test metrics of a run's models from their files, on the run's test rows or on those of `data`. Rows
 * are encoded by the preprocessing that is stored with each model; training rows are needed only if the test rows were
 * held out of them.
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
  const recipeFolder = options.data === undefined ? (options.recipeFolder ?? run.record.recipeFolder) : process.cwd();
  const places = { recipeFolder, dataFolders: dataFolders(process.env, process.cwd()) };
  const recipe = await withTest(run, options, places);
  const measures = measuresOf(recipe);
  const results: Partial<Record<PhaseName, Metrics>> = {};
  const models: (TrainedModel & { name: PhaseName })[] = [];
  for (const name of names) models.push({ name, ...(await openModel(run, name)) });
  const test = await openTestRows(run, { recipe, recipeFolder, onWarning: options.onWarning });
  try {
    for (const { name, model, metadata } of models) {
      const dataset = test.of(name);
      const { blocks } = test;
      if (metadata.indexCount !== undefined)
        await checkSetIndices(
          { where: `the embedding of the ${name}`, inputDim: metadata.indexCount },
          { manifest: dataset, blocks },
          'test',
        );
      const reader = new BlockReader(dataset, async (hash) => (await blocks.read(hash))!, limits.keptBlockBytes);
      const rows = { dataset, measures, reader, set: 'test', first: 0, end: dataset.sets.test!.rowCount } as const;
      const predict = predictOf(model);
      const notFinite = new NotFiniteRows({ ...readingOf(recipe.loss), ...dataset });
      const watched: Predict = async (x, shape) => {
        const outputs = await predict(x, shape);
        notFinite.add(outputs);
        return outputs;
      };
      results[name] = finishMetrics(measures, await evaluateRows(watched, rows), dataset.targets);
      const what = `${options.data ?? 'the test rows'}: the prediction of the ${phaseTitles[name]}`;
      for (const each of notFinite.warnings(what)) options.onWarning?.(each);
      model.dispose();
    }
  } finally {
    test.dispose();
  }
  return results;
}
