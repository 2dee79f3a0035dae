// stillhouse worker: takes part in one run.
import type { Command } from 'commander';
import { defaults, work, type BackendName } from 'stillhouse';
import { backendOption, heartbeatOption, networkOption, parseSeconds, quietOption } from '../options.js';
import { reportLine } from '../terminal.js';

interface Options {
  coordinator: string[];
  token?: string;
  backend: BackendName;
  network?: string;
  meshListen?: string;
  meshAdvertise?: string;
  log?: string;
  patience: number;
  heartbeatTimeout: number;
  quiet?: true;
}

const collect = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description(
      'Take part in a run, from its start or from any later time. Ends when the run does; SIGTERM makes it ' +
        'hand over and leave.',
    )
    .requiredOption(
      '--coordinator <url>',
      'address that the coordinator printed, such as 10.0.0.5:7433; repeat the option for other addresses where a ' +
        'restarted coordinator may listen',
      collect,
    )
    .option('--token <text>', 'token of the run (default: STILLHOUSE_TOKEN)')
    .addOption(backendOption())
    .addOption(networkOption())
    .option(
      '--mesh-listen <host:port>',
      'address on which this worker listens for others, such as 10.0.0.6:7434, with port 0 for any free one ' +
        '(default: all addresses of this machine, or the loopback that reaches the coordinator)',
    )
    .option(
      '--mesh-advertise <host:port>',
      'address at which other workers reach this one, if it is another than the one on which it listens',
    )
    .option('--log <file>', 'also log to a file, as JSON lines')
    .option(
      '--patience <seconds>',
      'how long to continue without a coordinator',
      parseSeconds,
      defaults.patienceMs / 1000,
    )
    .addOption(heartbeatOption('the coordinator'))
    .addOption(quietOption())
    .addHelpText(
      'after',
      `
Example:
  STILLHOUSE_TOKEN=… stillhouse worker --coordinator 10.0.0.5:7433`,
    )
    .action(async (options: Options) => {
      const [leaving, interrupted] = [new AbortController(), new AbortController()];
      for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => leaving.abort());
      process.on('SIGINT', () => interrupted.abort());
      await work({
        coordinators: options.coordinator,
        token: options.token ?? process.env['STILLHOUSE_TOKEN'] ?? '',
        backend: options.backend,
        network: options.network,
        meshListen: options.meshListen,
        meshAdvertise: options.meshAdvertise,
        patienceMs: options.patience * 1000,
        heartbeatTimeoutMs: options.heartbeatTimeout * 1000,
        logFile: options.log,
        ...(options.quiet ? {} : { onLog: reportLine }),
        signal: leaving.signal,
        interrupt: interrupted.signal,
      });
    });
}
