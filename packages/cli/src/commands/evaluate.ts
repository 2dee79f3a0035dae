// stillhouse evaluate: the test metrics of a run's models, computed anew from the files.
import { Option, type Command } from 'commander';
import {
  datasetOf,
  finishMetrics,
  limits,
  lossOf,
  StillhouseError,
  type Metrics,
  type PhaseName,
} from '@stillhouse/core';
import { BlockReader } from '@stillhouse/datasets';
import type { BackendName } from '@stillhouse/worker';
import { alignColumns, formatTest, shownMetrics } from 'stillhouse';
import { modelNames, openData, openModel, readRun } from 'stillhouse';
import { backendOption, jsonOption } from './options.js';
import { printLine } from './terminal.js';

export function addEvaluate(program: Command): void {
  program
    .command('evaluate <folder>')
    .description("Compute the test metrics of a run's models from their files.")
    .addOption(backendOption())
    .addOption(
      new Option('--recipe-folder <folder>', 'folder that the paths in the recipe are relative to, if it has moved'),
    )
    .addOption(jsonOption('the metrics'))
    .addHelpText(
      'after',
      `
Example:
  stillhouse evaluate runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, options: { backend: BackendName; recipeFolder?: string; json?: true }) => {
      const run = readRun(folder);
      const { evaluateRows, openInferenceBackend, predictOf } = await import('@stillhouse/worker');
      await openInferenceBackend(options.backend);
      const { job, dataset } = await openData(run, options.recipeFolder);
      const results = new Map<PhaseName, Metrics>();
      const names = modelNames(run);
      if (names.length === 0)
        throw new StillhouseError('RUN_INCOMPLETE', `${folder} holds no model (the run is ${run.record.status})`);
      for (const name of names) {
        const { model } = await openModel(run, name);
        const seen = datasetOf(job.dataset, name);
        const reader = new BlockReader(seen, async (hash) => (await dataset.blocks.read(hash))!, limits.keptBlockBytes);
        const loss = lossOf(run.recipe.loss);
        results.set(
          name,
          finishMetrics(
            loss,
            await evaluateRows(predictOf(model), {
              dataset: seen,
              loss,
              reader,
              set: 'test',
              first: 0,
              end: seen.sets.test!.rowCount,
            }),
            seen.targets,
          ),
        );
      }
      if (options.json) return printLine(JSON.stringify(Object.fromEntries(results)));
      const shown = shownMetrics(run.recipe);
      printLine(
        alignColumns([
          ['', ...shown.map((name) => `test ${name}`)],
          ...[...results].map(([name, metrics]) => [name, ...shown.map((metric) => formatTest(metrics, metric))]),
        ]),
      );
    });
}
