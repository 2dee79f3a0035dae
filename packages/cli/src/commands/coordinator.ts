// stillhouse coordinator: a run whose workers come from other machines.
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { loadRecipe } from '../recipe-file.js';
import { startSession } from '../session.js';
import { jsonOption, outOption, parseCount, setOption } from './options.js';
import { printResult } from './run.js';
import { RunTeller, tellLine, withInterrupt } from './terminal.js';

interface Options {
  listen: string;
  workers: number;
  out?: string;
  token?: string;
  allowMixed?: true;
  joinTimeout?: number;
  set: string[];
  json?: true;
}

export function addCoordinator(program: Command): void {
  program
    .command('coordinator <recipe>')
    .description('Coordinate a run; start `stillhouse worker` on each machine that takes part.')
    .option('--listen <host:port>', 'address for workers; 0 as port takes any free one', '127.0.0.1:7433')
    .option('--workers <count>', 'start when so many workers have joined', parseCount, 1)
    .addOption(outOption())
    .option('--token <text>', 'secret that workers must present (default: STILLHOUSE_TOKEN, else a random one, printed)')
    .option('--allow-mixed', 'admit workers whose engines may give other bits')
    .option('--join-timeout <seconds>', 'give up when the workers have not joined by then (default: wait)', parseCount)
    .addOption(setOption())
    .addOption(jsonOption('run.json'))
    .addHelpText('after', `
Examples:
  stillhouse coordinator recipe.yaml --listen 0.0.0.0:7433 --workers 3 --out results/first
  STILLHOUSE_TOKEN=… stillhouse worker --coordinator ws://10.0.0.5:7433     (on each machine)`)
    .action(async (path: string, options: Options) => {
      const { recipe, folder: recipeFolder } = await loadRecipe(path, options.set);
      const teller = new RunTeller();
      const given = options.token ?? process.env['STILLHOUSE_TOKEN'];
      const session = await startSession({
        recipe, recipeFolder, out: options.out, workers: options.workers, listen: options.listen, token: given, allowMixed: options.allowMixed ?? false,
        joinTimeoutMs: (options.joinTimeout ?? Infinity) * 1000, onNotice: teller.onNotice, onWarning: teller.onWarning,
      });
      tellLine(`listening at ${session.address}, waiting for ${options.workers} worker${options.workers === 1 ? '' : 's'}`);
      // An address that means all of this machine's means nothing elsewhere.
      const reachable = session.address.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`);
      if (given === undefined) tellLine(`on each machine: STILLHOUSE_TOKEN=${session.token} stillhouse worker --coordinator ${reachable}`);
      const record = await withInterrupt(
        () => session.interrupt({ code: 'INTERRUPTED', message: 'the run was interrupted' }),
        () => session.finished.finally(() => teller.stop()),
      );
      printResult({ record, folder: session.folder.path }, recipe, options.json ?? false);
    });
}
