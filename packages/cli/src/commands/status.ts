// stillhouse status: the state of a run, and what holds it up.
import type { Command } from 'commander';
import { status, type RunStatus } from 'stillhouse';
import { jsonOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine } from '../terminal.js';

const incidentsShown = 10;

function workersTable(workers: RunStatus['workers']): string {
  const rows = workers.map(({ workerId, host, ranks, stage, rankMs, silentMs, note, waitsFor }) => [
    workerId,
    host,
    ranks || '-',
    stage,
    rankMs?.toFixed(1) ?? '-',
    (silentMs / 1000).toFixed(1),
    [note, waitsFor.length ? `waits for ${waitsFor.join(', ')}` : ''].filter((part) => part).join('; '),
  ]);
  return alignColumns(
    [['worker', 'host', 'ranks', 'stage', 'ms/rank', 'last heard (s)', ''], ...rows],
    ['left', 'left', 'left', 'left', 'right', 'right', 'left'],
  );
}

export function addStatus(program: Command): void {
  program
    .command('status <folder>')
    .description('Show the state of a run: its workers, their ranks and speeds, and what went wrong or slowly.')
    .addOption(jsonOption('status and incidents'))
    .addHelpText(
      'after',
      `
Example:
  stillhouse status runs/friedman-20260101-120000-a1b2`,
    )
    .action((folder: string, options: { json?: true }) => {
      const state = status(folder);
      if (options.json) return printLine(JSON.stringify(state));
      printLine(state.headline);
      if (state.status?.workers.length) printLine(`\n${workersTable(state.status.workers)}`);
      const { checkpoint } = state.status ?? {};
      if (checkpoint) printLine(`\nnewest checkpoint: ${checkpoint.phase}, operation ${checkpoint.ops}`);
      const incidents = state.incidents
        .slice(-incidentsShown)
        .map(({ at, workerId, what }) => `  ${at}  ${workerId ? `${workerId} ` : ''}${what}`);
      if (incidents.length) printLine(['\nlast incidents:', ...incidents].join('\n'));
    });
}
