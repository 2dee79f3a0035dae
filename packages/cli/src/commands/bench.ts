// stillhouse bench: measures the machines that a run would have.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { formatBitRate, formatMs, hostLinks, joinLinks, StillhouseError, type LinkMatrix } from 'stillhouse';
import { jsonOption, networkOption, parseCount } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine, withInterrupt } from '../terminal.js';

interface Options {
  coordinator?: string;
  listen: string;
  workers: number;
  token?: string;
  network?: string;
  json?: true;
}

function matrixTable({ machines, links }: LinkMatrix): string {
  const titles = machines.map(({ host }, i) => `${i + 1} ${host}`);
  const cell = (to: number, from: number): string => {
    const link = links.find((each) => each.to === to && each.from === from);
    if (!link) return '-';
    const { bytesPerSecond, latencyMs } = link.route ?? {};
    return bytesPerSecond === undefined || latencyMs === undefined
      ? 'not reached'
      : `${formatBitRate(bytesPerSecond)}, ${formatMs(latencyMs)}`;
  };
  return alignColumns([
    ['gets bytes from', ...titles],
    ...titles.map((title, to) => [title, ...titles.map((_, from) => cell(to, from))]),
  ]);
}

/** Over which address and interface each machine reaches each other one, or why it does not. */
const linkLines = ({ links }: LinkMatrix): string[] =>
  links.map(({ to, from, route, reason }) =>
    route
      ? `  ${to + 1} reaches ${from + 1} at ${route.address.replace(/^ws:\/\//, '')}` +
        (route.network === undefined ? '' : ` over ${route.network}`)
      : `  ${to + 1} does not reach ${from + 1}: ${reason}`,
  );

async function collect({ listen, workers, network, ...options }: Options): Promise<void> {
  const given = options.token ?? process.env['STILLHOUSE_TOKEN'];
  const token = given ?? randomBytes(16).toString('hex');
  const matrix = await withInterrupt((signal) =>
    hostLinks({
      listen,
      workers,
      network,
      token,
      signal,
      onListening(address) {
        const reachable = address.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`);
        reportLine(`listening at ${address}, waiting for ${workers - 1} more`);
        if (given === undefined)
          reportLine(`on each machine: STILLHOUSE_TOKEN=${token} stillhouse bench links --coordinator ${reachable}`);
      },
      onMeasured: (done, of) => reportLine(`measured ${done} of ${of}`),
    }),
  );
  if (options.json) return printLine(JSON.stringify(matrix));
  printLine([matrixTable(matrix), '', ...linkLines(matrix)].join('\n'));
}

export function addBench(program: Command): void {
  const bench = program.command('bench').description('Measure the machines that a run would have.');
  bench
    .command('links')
    .description(
      'Measure latency and bandwidth between machines, each pair in both directions, and print them as a matrix. One ' +
        'machine collects; start the command with --coordinator on all others.',
    )
    .option('--coordinator <url>', 'take part in what another machine collects, at the address that it printed')
    .option('--listen <host:port>', 'address for the others; port 0 takes any free one', '127.0.0.1:0')
    .option('--workers <count>', 'how many machines take part, with this one', parseCount, 2)
    .option('--token <text>', 'secret of the measurement (default: STILLHOUSE_TOKEN, or else a random one)')
    .addOption(networkOption())
    .addOption(jsonOption('the matrix'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse bench links --listen 0.0.0.0:7435 --workers 3                  (prints a token)
  STILLHOUSE_TOKEN=… stillhouse bench links --coordinator 10.0.0.5:7435     (on each other machine)`,
    )
    .action(async (options: Options) => {
      if (options.coordinator === undefined) {
        if (options.workers < 2)
          throw new StillhouseError('USAGE', 'links are between machines: --workers is at least 2');
        return collect(options);
      }
      const { coordinator, network } = options;
      const token = options.token ?? process.env['STILLHOUSE_TOKEN'] ?? '';
      await withInterrupt((signal) => joinLinks({ coordinator, token, network, signal }));
      reportLine('measured: the machine that collects prints the result');
    });
}
