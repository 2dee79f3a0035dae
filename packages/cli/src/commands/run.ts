// stillhouse run: the main job on this machine.
import type { Command } from 'commander';
import { parseRecipe, StillhouseError, type Recipe } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { loadRecipe } from 'stillhouse';
import { resume, runFile, type RunResult } from 'stillhouse';
import { summaryTable, verdicts } from 'stillhouse';
import { defaultWorkers } from 'stillhouse';
import {
  backendOption,
  checkpointOption,
  heartbeatOption,
  jsonOption,
  minWorkersOption,
  outOption,
  parseWorkers,
  resumeOption,
  setOption,
} from './options.js';
import { printLine, RunTeller, withInterrupt } from './terminal.js';

export function printResult(result: RunResult, recipe: Recipe, json: boolean): void {
  if (json) return printLine(JSON.stringify({ ...result.record, folder: result.folder }));
  printLine(`\n${summaryTable(result.record, recipe)}\n`);
  for (const verdict of verdicts(result.record, recipe)) printLine(verdict);
  printLine(`Written to ${result.folder}`);
}

interface Options {
  workers: number | 'auto';
  backend: BackendName;
  out?: string;
  resume?: string;
  minWorkers: number;
  heartbeatTimeout: number;
  checkpointEvery: number;
  set: string[];
  json?: true;
}

export function addRun(program: Command): void {
  program
    .command('run [recipe]')
    .description('Train a recipe on this machine: a coordinator and worker processes, then the student.')
    .option(
      '--workers <count>',
      'worker processes, or auto for one per GPU or as many as the cores allow; their number does not change the result',
      parseWorkers,
      defaultWorkers,
    )
    .addOption(backendOption())
    .addOption(outOption())
    .addOption(resumeOption())
    .addOption(minWorkersOption())
    .addOption(heartbeatOption('a worker'))
    .addOption(checkpointOption())
    .addOption(setOption())
    .addOption(jsonOption('run.json'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse run examples/friedman/recipe.yaml
  stillhouse run recipe.yaml --workers 4 --out results/first --set teacher.epochs=20
  stillhouse run recipe.yaml --json > run.json
  stillhouse run --resume results/first        (after a crash: from the newest checkpoint, at the exact row)`,
    )
    .action(async (path: string | undefined, options: Options) => {
      if ((path === undefined) === (options.resume === undefined))
        throw new StillhouseError('USAGE', 'give a recipe, or the folder of a run with --resume');
      const teller = new RunTeller();
      const abort = new AbortController();
      const { workers, backend, minWorkers, out } = options;
      const common = {
        workers,
        backend,
        minWorkers,
        heartbeatTimeoutMs: options.heartbeatTimeout * 1000,
        checkpointEveryMs: options.checkpointEvery * 1000,
        signal: abort.signal,
        onNotice: teller.onNotice,
        onWarning: teller.onWarning,
      };
      const start = async (): Promise<RunResult> =>
        options.resume === undefined
          ? runFile(await loadRecipe(path!, options.set), { ...common, ...(out === undefined ? {} : { out }) })
          : resume(options.resume, common);
      const result = await withInterrupt(
        () => abort.abort(),
        () => start().finally(() => teller.stop()),
      );
      printResult(result, parseRecipe(result.record.recipe), options.json ?? false);
    });
}
