// stillhouse status: the state of a run, its results, and what holds it up.
import type { Command } from 'commander';
import {
  formatCount,
  formatNumber,
  formatSeconds,
  formatTime,
  ranksLabel,
  status,
  type RunState,
  type RunStatus,
} from 'stillhouse';
import { modelsTable } from '../models-table.js';
import { jsonOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine } from '../terminal.js';

const incidentsShown = 10;

/** Workers of a run that a coordinator watches. */
function watchedTable(workers: RunStatus['workers']): string {
  const milliseconds = (ms: number | null | undefined): string =>
    ms === undefined || ms === null ? '-' : formatNumber(ms, 3);
  const rows = workers.map(({ workerId, host, ranks, stage, silentMs, note, waitsFor, ...times }) => [
    workerId,
    host,
    ranks || '-',
    stage,
    milliseconds(times.rankMs),
    milliseconds(times.dataMs),
    milliseconds(times.exchangeMs),
    formatSeconds(silentMs / 1000),
    [note, waitsFor.length ? `waits for ${waitsFor.join(', ')}` : ''].filter((part) => part).join('; '),
  ]);
  return alignColumns(
    [['worker', 'host', 'ranks', 'stage', 'ms/rank', 'data ms', 'exchange ms', 'last heard', ''], ...rows],
    ['left', 'left', 'left', 'left', 'right', 'right', 'right', 'right', 'left'],
  );
}

/** Workers that took part in a run. */
function pastTable(workers: RunState['workers']): string {
  const rows = workers.map(({ workerId, host, ranks, fingerprint, left }) => [
    workerId,
    host,
    (ranks && ranksLabel(ranks)) ?? '-',
    fingerprint,
    left === undefined ? '' : `left: ${left}`,
  ]);
  return alignColumns([['worker', 'host', 'ranks', 'engine', ''], ...rows], ['left', 'left', 'left', 'left', 'left']);
}

export function addStatus(program: Command): void {
  program
    .command('status <folder>')
    .description('Show the state of a run: its workers, their ranks and speeds, its results, and what went wrong.')
    .addOption(jsonOption('status, results and incidents'))
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
      if (state.models.length) printLine(`\n${modelsTable(state.models, state.metrics)}`);
      if (state.isLive && state.status!.workers.length) printLine(`\n${watchedTable(state.status!.workers)}`);
      const routes = (state.isLive ? state.status!.workers : []).flatMap(({ workerId, routes: own = [] }) =>
        own.map((route) => `  ${workerId}: ${route}`),
      );
      if (routes.length) printLine(['\nlinks:', ...routes].join('\n'));
      if (!state.isLive && state.workers.length) printLine(`\n${pastTable(state.workers)}`);
      const { checkpoint } = state.status ?? {};
      if (checkpoint) printLine(`\nnewest checkpoint: ${checkpoint.phase}, operation ${formatCount(checkpoint.ops)}`);
      const incidents = state.incidents
        .slice(-incidentsShown)
        .map(({ at, workerId, what }) => `  ${formatTime(at)}  ${workerId ? `${workerId} ` : ''}${what}`);
      if (incidents.length) printLine(['\nlast incidents:', ...incidents].join('\n'));
    });
}
