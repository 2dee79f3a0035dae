// stillhouse evaluate: the test metrics of a run's models, recomputed from the files.
import type { Command } from 'commander';
import { evaluate, readRun, shownMetrics, type BackendName } from 'stillhouse';
import { backendOption, jsonOption, recipeFolderOption } from '../options.js';
import { alignColumns, formatTest } from '../table.js';
import { printLine } from '../terminal.js';

export function addEvaluate(program: Command): void {
  program
    .command('evaluate <folder>')
    .description("Recompute the test metrics of a run's models from their files.")
    .addOption(backendOption())
    .addOption(recipeFolderOption())
    .addOption(jsonOption('the metrics'))
    .addHelpText(
      'after',
      `
Example:
  stillhouse evaluate runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, options: { backend: BackendName; recipeFolder?: string; json?: true }) => {
      const results = await evaluate(folder, options);
      if (options.json) return printLine(JSON.stringify(results));
      const shown = shownMetrics((await readRun(folder)).recipe);
      printLine(
        alignColumns([
          ['', ...shown.map((name) => `test ${name}`)],
          ...Object.entries(results).map(([name, metrics]) => [
            name,
            ...shown.map((metric) => formatTest(metrics, metric)),
          ]),
        ]),
      );
    });
}
