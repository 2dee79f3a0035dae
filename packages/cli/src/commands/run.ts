// stillhouse run: a whole run on this machine.
import type { Command } from 'commander';
import { defaults, resume, run, StillhouseError, type BackendName } from 'stillhouse';
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
} from '../options.js';
import { printResult } from '../summary.js';
import { RunReporter, withInterrupt } from '../terminal.js';

interface Options {
  workers: number | 'auto';
  backend: BackendName;
  out?: string;
  resume?: string;
  minWorkers: number;
  heartbeatTimeout: number;
  checkpointEvery: number;
  set: Record<string, unknown>;
  json?: true;
}

export function addRun(program: Command): void {
  program
    .command('run [recipe]')
    .description('Train a recipe on this machine: the teacher with several worker processes, then the student.')
    .option(
      '--workers <count>',
      'worker processes, or auto for one per GPU or as many as the cores allow; their number does not change ' +
        'the result',
      parseWorkers,
      defaults.workers,
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
      const { workers, backend, minWorkers, out, set } = options;
      const reporter = new RunReporter();
      const result = await withInterrupt((signal) => {
        const common = {
          workers,
          backend,
          minWorkers,
          heartbeatTimeoutMs: options.heartbeatTimeout * 1000,
          checkpointEveryMs: options.checkpointEvery * 1000,
          signal,
          onNotice: reporter.onNotice,
          onWarning: reporter.onWarning,
        };
        const started =
          options.resume === undefined ? run(path!, { ...common, out, set }) : resume(options.resume, common);
        return started.finally(() => reporter.stop());
      });
      printResult(result, options.json ?? false);
    });
}
