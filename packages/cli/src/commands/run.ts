// stillhouse run: the main job on this machine.
import type { Command } from 'commander';
import type { Recipe } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { loadRecipe } from '../recipe-file.js';
import { runFile, type RunResult } from '../run.js';
import { summaryTable, verdicts } from '../summary.js';
import { defaultWorkers } from '../worker-places.js';
import { backendOption, jsonOption, outOption, parseWorkers, setOption } from './options.js';
import { printLine, RunTeller, withInterrupt } from './terminal.js';

export function printResult(result: RunResult, recipe: Recipe, json: boolean): void {
  if (json) return printLine(JSON.stringify({ ...result.record, folder: result.folder }));
  printLine(`\n${summaryTable(result.record, recipe)}\n`);
  for (const verdict of verdicts(result.record, recipe)) printLine(verdict);
  printLine(`Written to ${result.folder}`);
}

export function addRun(program: Command): void {
  program
    .command('run <recipe>')
    .description('Train a recipe on this machine: a coordinator and worker processes, then the student.')
    .option('--workers <count>', 'worker processes, or auto for one per GPU or as many as the cores allow; their number does not change the result', parseWorkers, defaultWorkers)
    .addOption(backendOption())
    .addOption(outOption())
    .addOption(setOption())
    .addOption(jsonOption('run.json'))
    .addHelpText('after', `
Examples:
  stillhouse run examples/friedman/recipe.yaml
  stillhouse run recipe.yaml --workers 4 --out results/first --set teacher.epochs=20
  stillhouse run recipe.yaml --json > run.json`)
    .action(async (path: string, options: { workers: number | 'auto'; backend: BackendName; out?: string; set: string[]; json?: true }) => {
      const file = await loadRecipe(path, options.set);
      const teller = new RunTeller();
      const abort = new AbortController();
      const { workers, backend, out } = options;
      const result = await withInterrupt(() => abort.abort(), () =>
        runFile(file, { workers, backend, ...(out === undefined ? {} : { out }), signal: abort.signal, onNotice: teller.onNotice, onWarning: teller.onWarning }).finally(() => teller.stop()),
      );
      printResult(result, file.recipe, options.json ?? false);
    });
}
