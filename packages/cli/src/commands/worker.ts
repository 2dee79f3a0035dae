// stillhouse worker: takes part in one run.
import { hostname } from 'node:os';
import { Option, type Command } from 'commander';
import { StillhouseError } from '@stillhouse/core';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { runWorker, tfjsEngine, type BackendName } from '@stillhouse/worker';
import { createLog, type Log } from '../logger.js';
import { version } from '../version.js';
import { backendOption } from './options.js';
import { tellLine, withInterrupt } from './terminal.js';

interface Options {
  coordinator: string;
  token?: string;
  backend: BackendName;
  mesh?: string;
  log?: string;
  managed?: true;
}

/** A worker of `run` logs to its standard output, which is its log file, and leaves Ctrl-C to its parent. */
function logOf({ managed, log }: Options): Log {
  const toFile = managed ? createLog(1, 'worker') : log === undefined ? undefined : createLog(log, 'worker');
  return (message, fields) => {
    toFile?.(message, fields);
    if (!managed) tellLine(message);
  };
}

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description('Take part in a run; ends when the run does.')
    .requiredOption('--coordinator <url>', 'address that the coordinator printed')
    .option('--token <text>', 'token of the run (default: STILLHOUSE_TOKEN)')
    .addOption(backendOption())
    .option('--mesh <host:port>', 'address at which other workers reach this one (default: the one the coordinator is reached from)')
    .option('--log <file>', 'also log to a file, as JSON lines')
    .addOption(new Option('--managed').hideHelp())
    .addHelpText('after', `
Example:
  STILLHOUSE_TOKEN=… stillhouse worker --coordinator ws://10.0.0.5:7433`)
    .action(async (options: Options) => {
      const log = logOf(options);
      const work = (): Promise<void> => runWorker({
        coordinator: options.coordinator, token: options.token ?? process.env['STILLHOUSE_TOKEN'] ?? '', host: hostname(), version,
        ...(options.mesh === undefined ? {} : { meshAddress: options.mesh }), transport: webSocketTransport, clock: systemClock, createEngine: tfjsEngine(options.backend, { tell: log }), log,
      });
      // The parent of a managed worker handles Ctrl-C, and says through the coordinator that the run is over.
      let interrupt = (): void => {};
      const interrupted = new Promise<never>((_, reject) => {
        if (!options.managed) interrupt = () => reject(new StillhouseError('INTERRUPTED', 'the worker was interrupted'));
      });
      await withInterrupt(() => interrupt(), () => Promise.race([work(), interrupted]));
      log('the run is over');
    });
}
