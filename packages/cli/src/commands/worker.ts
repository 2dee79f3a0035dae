// stillhouse worker: takes part in one run.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Option, type Command } from 'commander';
import { limits, StillhouseError } from '@stillhouse/core';
import { BlockCache, blockCacheFolder } from '@stillhouse/datasets';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import type { BackendName } from '@stillhouse/worker';
import { createLog, type Log } from 'stillhouse';
import { supervise } from 'stillhouse';
import { ThreadedUploader } from 'stillhouse';
import { version } from 'stillhouse';
import { backendOption, heartbeatOption, parseSeconds } from './options.js';
import { tellLine } from './terminal.js';

interface Options {
  coordinator: string[];
  token?: string;
  backend: BackendName;
  mesh?: string;
  log?: string;
  patience: number;
  heartbeatTimeout: number;
  managed?: true;
  child?: true;
}

/** A worker of `run` logs to its standard output, which is its log file, and leaves Ctrl-C to its parent. */
function logOf({ managed, log }: Options): Log {
  const toFile = managed ? createLog(1, 'worker') : log === undefined ? undefined : createLog(log, 'worker');
  return (message, fields) => {
    toFile?.(message, fields);
    if (!managed) tellLine(message);
  };
}

async function work(options: Options): Promise<void> {
  const log = logOf(options);
  const { startWorker, tfjsEngine } = await import('@stillhouse/worker');
  const worker = startWorker({
    coordinators: options.coordinator,
    identity: {
      instance: process.env['STILLHOUSE_INSTANCE'] ?? randomBytes(8).toString('hex'),
      version,
      token: options.token ?? process.env['STILLHOUSE_TOKEN'] ?? '',
      host: hostname(),
      // The parent of a managed worker is its coordinator: without it there is nobody to work for.
      patienceMs: options.managed ? limits.managedPatienceMs : options.patience * 1000,
      heartbeatTimeoutMs: options.heartbeatTimeout * 1000,
    },
    ...(options.mesh === undefined ? {} : { meshAddress: options.mesh }),
    transport: webSocketTransport,
    clock: systemClock,
    createEngine: tfjsEngine(options.backend, { report: log }),
    uploader: new ThreadedUploader(log),
    cache: new BlockCache(blockCacheFolder(process.env), limits.cachedBlockBytes, log),
    log,
  });
  process.on('SIGTERM', () => {
    log('asked to go: it finishes the step and hands over');
    worker.leave();
  });
  let interrupt = (): void => {};
  const interrupted = new Promise<never>((_, reject) => {
    if (!options.managed) interrupt = () => reject(new StillhouseError('INTERRUPTED', 'the worker was interrupted'));
  });
  process.on('SIGINT', () => interrupt());
  await Promise.race([worker.finished, interrupted]);
  log('the run is over, or this worker has left it');
}

const collect = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description(
      'Take part in a run, at its start or at any time later; ends when the run does. SIGTERM makes it hand over and leave.',
    )
    .requiredOption(
      '--coordinator <url>',
      'address that the coordinator printed; repeat it for places where a successor may come up',
      collect,
    )
    .option('--token <text>', 'token of the run (default: STILLHOUSE_TOKEN)')
    .addOption(backendOption())
    .option(
      '--mesh <host:port>',
      'address at which other workers reach this one (default: the one the coordinator is reached from)',
    )
    .option('--log <file>', 'also log to a file, as JSON lines')
    .option(
      '--patience <seconds>',
      'how long to go on without a coordinator',
      parseSeconds,
      limits.coordinatorPatienceMs / 1000,
    )
    .addOption(heartbeatOption('the coordinator'))
    .addOption(new Option('--managed').hideHelp())
    .addOption(new Option('--child').hideHelp())
    .addHelpText(
      'after',
      `
Example:
  STILLHOUSE_TOKEN=… stillhouse worker --coordinator ws://10.0.0.5:7433`,
    )
    .action(async (options: Options) => {
      if (options.managed || options.child) return work(options);
      const code = await supervise(process.argv.slice(1), {
        coordinators: options.coordinator,
        token: options.token ?? process.env['STILLHOUSE_TOKEN'] ?? '',
      });
      process.exit(code);
    });
}
