// stillhouse evaluate: the test metrics of a run's models, recomputed from the files.
import type { Command } from 'commander';
import {
  evaluate,
  phaseTitles,
  readRun,
  shownMetrics,
  type BackendName,
  type Metrics,
  type PhaseName,
} from 'stillhouse';
import { backendOption, delimiterOption, jsonOption, recipeFolderOption } from '../options.js';
import { alignColumns, formatTest } from '../table.js';
import { printTargets } from '../summary.js';
import { printLine, reportLine } from '../terminal.js';

interface Options {
  readonly backend: BackendName;
  readonly recipeFolder?: string;
  readonly data?: string;
  readonly delimiter?: string;
  readonly json?: true;
}

export function addEvaluate(program: Command): void {
  program
    .command('evaluate <folder>')
    .description("Recompute the test metrics of a run's models from their files, on its test rows or on others.")
    .option('--data <file>', 'rows with labels to evaluate on: a file or folder (default: the test rows of the run)')
    .addOption(delimiterOption())
    .addOption(backendOption())
    .addOption(recipeFolderOption())
    .addOption(jsonOption('the metrics'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse evaluate runs/friedman-20260101-120000-a1b2
  stillhouse evaluate runs/houses-20260101-120000-a1b2 --data this-year.csv`,
    )
    .action(async (folder: string, options: Options) => {
      const onWarning = (warning: string): void => reportLine(`warning: ${warning}`);
      const results = await evaluate(folder, { ...options, onWarning });
      if (options.json) return printLine(JSON.stringify(results));
      const { recipe } = await readRun(folder);
      const shown = shownMetrics(recipe);
      const models = (Object.entries(results) as [PhaseName, Metrics][]).map(
        ([name, metrics]) => [phaseTitles[name], metrics] as const,
      );
      printLine(
        alignColumns([
          // Other rows are not the test rows of the run.
          ['', ...shown.map((name) => (options.data === undefined ? `test ${name}` : name))],
          ...models.map(([title, metrics]) => [title, ...shown.map((metric) => formatTest(metrics, metric))]),
        ]),
      );
      printTargets(models, recipe);
    });
}
