// stillhouse coordinator: a run whose workers come from other machines.
import { hostname } from 'node:os';
import { StillhouseError } from '@stillhouse/core';
import type { Command } from 'commander';
import { loadRecipe } from 'stillhouse';
import { startSession } from 'stillhouse';
import {
  checkpointOption,
  heartbeatOption,
  jsonOption,
  minWorkersOption,
  outOption,
  parseCount,
  resumeOption,
  setOption,
} from './options.js';
import { printResult } from './run.js';
import { RunTeller, tellLine, withInterrupt } from './terminal.js';

interface Options {
  listen?: string;
  workers: number;
  minWorkers: number;
  out?: string;
  resume?: string;
  token?: string;
  allowMixed?: true;
  joinTimeout?: number;
  heartbeatTimeout: number;
  checkpointEvery: number;
  set: string[];
  json?: true;
}

export function addCoordinator(program: Command): void {
  program
    .command('coordinator [recipe]')
    .description(
      'Coordinate a run; start `stillhouse worker` on each machine that takes part. Workers may come and go.',
    )
    .option(
      '--listen <host:port>',
      'address for workers; 0 as port takes any free one (default: 127.0.0.1:7433, or where the run that is resumed was)',
    )
    .option('--workers <count>', 'start when so many workers have joined', parseCount, 1)
    .addOption(minWorkersOption())
    .addOption(outOption())
    .addOption(resumeOption())
    .option(
      '--token <text>',
      'secret that workers must present (default: STILLHOUSE_TOKEN, else a random one, printed)',
    )
    .option('--allow-mixed', 'admit workers whose engines may give other bits')
    .option('--join-timeout <seconds>', 'give up when the workers have not joined by then (default: wait)', parseCount)
    .addOption(heartbeatOption('a worker'))
    .addOption(checkpointOption())
    .addOption(setOption())
    .addOption(jsonOption('run.json'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse coordinator recipe.yaml --listen 0.0.0.0:7433 --workers 3 --out results/first
  STILLHOUSE_TOKEN=… stillhouse worker --coordinator ws://10.0.0.5:7433     (on each machine)
  stillhouse coordinator --resume results/first                             (after a crash of this process)`,
    )
    .action(async (path: string | undefined, options: Options) => {
      if ((path === undefined) === (options.resume === undefined))
        throw new StillhouseError('USAGE', 'give a recipe, or the folder of a run with --resume');
      const teller = new RunTeller();
      const given = options.token ?? process.env['STILLHOUSE_TOKEN'];
      const session = await startSession({
        from:
          options.resume === undefined
            ? await loadRecipe(path!, options.set).then(({ recipe, folder }) => ({
                recipe,
                recipeFolder: folder,
                out: options.out,
              }))
            : { resume: options.resume },
        workers: options.workers,
        minWorkers: options.minWorkers,
        listen: options.listen,
        token: given,
        allowMixed: options.allowMixed ?? false,
        joinTimeoutMs: (options.joinTimeout ?? Infinity) * 1000,
        heartbeatTimeoutMs: options.heartbeatTimeout * 1000,
        checkpointEveryMs: options.checkpointEvery * 1000,
        backend: 'auto',
        onNotice: teller.onNotice,
        onWarning: teller.onWarning,
      });
      tellLine(
        `listening at ${session.address}, waiting for ${options.workers} worker${options.workers === 1 ? '' : 's'}`,
      );
      // An address that means all of this machine's means nothing elsewhere.
      const reachable = session.address.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`);
      if (given === undefined)
        tellLine(`on each machine: STILLHOUSE_TOKEN=${session.token} stillhouse worker --coordinator ${reachable}`);
      const record = await withInterrupt(
        () =>
          session.interrupt({
            code: 'INTERRUPTED',
            message: 'the run was interrupted',
            next: `Continue with \`stillhouse coordinator --resume ${session.folder.path}\`.`,
          }),
        () => session.finished.finally(() => teller.stop()),
      );
      printResult({ record, folder: session.folder.path }, session.job.recipe, options.json ?? false);
    });
}
