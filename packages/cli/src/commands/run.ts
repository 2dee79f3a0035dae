// stillhouse run: a whole run on this machine.
import type { Command } from 'commander';
import { defaults, resume, run, StillhouseError, type BackendName } from 'stillhouse';
import {
  backendOption,
  checkpointOption,
  heartbeatOption,
  jsonOption,
  minWorkersOption,
  networkOption,
  outOption,
  parseWorkers,
  quietOption,
  resumeOption,
  setOption,
  takeOverOption,
  timingsOf,
  verboseOption,
  verbosityOf,
  type TimingOptions,
} from '../options.js';
import { printResult } from '../summary.js';
import { createProgress, withInterrupt } from '../terminal.js';

interface Options extends TimingOptions {
  workers: number | 'auto';
  backend: BackendName;
  out?: string;
  resume?: string;
  takeOver?: true;
  minWorkers: number;
  network?: string;
  set: Record<string, unknown>;
  quiet?: true;
  verbose?: true;
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
    .addOption(takeOverOption())
    .addOption(minWorkersOption())
    .addOption(networkOption())
    .addOption(heartbeatOption('a worker'))
    .addOption(checkpointOption())
    .addOption(setOption())
    .addOption(quietOption())
    .addOption(verboseOption())
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
      const progress = await createProgress(verbosityOf(options));
      const result = await withInterrupt((signal) => {
        const common = {
          workers,
          backend,
          minWorkers,
          network: options.network,
          ...timingsOf(options),
          signal,
          onNotice: progress.onNotice,
          onWarning: progress.onWarning,
        };
        const started =
          options.resume === undefined
            ? run(path!, { ...common, out, set })
            : resume(options.resume, { ...common, takeOver: options.takeOver });
        return started.finally(() => progress.stop());
      });
      printResult(result, options.json ?? false);
    });
}
