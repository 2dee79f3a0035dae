// stillhouse coordinator: a run whose workers come from other machines.
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { coordinate, StillhouseError } from 'stillhouse';
import {
  checkpointOption,
  heartbeatOption,
  jsonOption,
  minWorkersOption,
  outOption,
  parseCount,
  parseSeconds,
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
import { createProgress, reportLine, withInterrupt } from '../terminal.js';

interface Options extends TimingOptions {
  listen?: string;
  workers: number;
  minWorkers: number;
  out?: string;
  resume?: string;
  takeOver?: true;
  token?: string;
  allowMixed?: true;
  joinTimeout?: number;
  set: Record<string, unknown>;
  quiet?: true;
  verbose?: true;
  json?: true;
}

async function perform(path: string | undefined, options: Options): Promise<void> {
  if ((path === undefined) === (options.resume === undefined))
    throw new StillhouseError('USAGE', 'give a recipe, or the folder of a run with --resume');
  const progress = await createProgress(verbosityOf(options));
  const token = options.token ?? process.env['STILLHOUSE_TOKEN'];
  const result = await withInterrupt(async (signal) => {
    const run = await coordinate(options.resume === undefined ? path! : { resume: options.resume }, {
      workers: options.workers,
      minWorkers: options.minWorkers,
      set: options.set,
      out: options.out,
      listen: options.listen,
      token,
      takeOver: options.takeOver,
      allowMixed: options.allowMixed,
      joinTimeoutMs: options.joinTimeout === undefined ? undefined : options.joinTimeout * 1000,
      ...timingsOf(options),
      onNotice: progress.onNotice,
      onWarning: progress.onWarning,
      signal,
    });
    reportLine(`listening at ${run.address}, waiting for ${options.workers} worker${options.workers === 1 ? '' : 's'}`);
    // An address that stands for all addresses of this machine is useless elsewhere.
    const reachable = run.address.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`);
    if (token === undefined)
      reportLine(`on each machine: STILLHOUSE_TOKEN=${run.token} stillhouse worker --coordinator ${reachable}`);
    return run.finished.finally(() => progress.stop());
  });
  printResult(result, options.json ?? false);
}

export function addCoordinator(program: Command): void {
  program
    .command('coordinator [recipe]')
    .description(
      'Coordinate a run; start `stillhouse worker` on each machine that takes part. Workers may come and go.',
    )
    .option(
      '--listen <host:port>',
      'address for workers; port 0 takes any free port (default: 127.0.0.1:7433, or the address of the resumed run)',
    )
    .option('--workers <count>', 'number of workers to wait for before training starts', parseCount, 1)
    .addOption(minWorkersOption())
    .addOption(outOption())
    .addOption(resumeOption())
    .addOption(takeOverOption())
    .option(
      '--token <text>',
      'secret that workers must present (default: STILLHOUSE_TOKEN, or else a random one, which is printed)',
    )
    .option('--allow-mixed', 'admit workers whose engines may give different bits')
    .option(
      '--join-timeout <seconds>',
      'give up if the workers have not joined after this time (default: wait)',
      parseSeconds,
    )
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
  stillhouse coordinator recipe.yaml --listen 0.0.0.0:7433 --workers 3 --out results/first
  STILLHOUSE_TOKEN=… stillhouse worker --coordinator ws://10.0.0.5:7433     (on each machine)
  stillhouse coordinator --resume results/first                             (after a crash of this process)`,
    )
    .action((path: string | undefined, options: Options) => perform(path, options));
}
