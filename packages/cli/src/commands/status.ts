// stillhouse status: how a run stands, and who holds it up.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { headline, type RunStatus } from 'stillhouse';
import { alignColumns } from 'stillhouse';
import { readRun } from 'stillhouse';
import { jsonOption } from './options.js';
import { printLine } from './terminal.js';

const incidentsShown = 10;

export function addStatus(program: Command): void {
  program
    .command('status <folder>')
    .description('Show how a run stands: its workers, their ranks and speeds, and what went wrong or slowly.')
    .addOption(jsonOption('status and incidents'))
    .addHelpText(
      'after',
      `
Example:
  stillhouse status runs/friedman-20260101-120000-a1b2`,
    )
    .action((folder: string, options: { json?: true }) => {
      const { record } = readRun(folder);
      const path = join(folder, 'status.json');
      const status = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RunStatus) : undefined;
      const head = headline(record, status, Date.now());
      if (options.json)
        return printLine(
          JSON.stringify({ headline: head, ...(status ? { status } : {}), incidents: record.incidents }),
        );
      printLine(head);
      if (status?.workers.length) {
        const rows = status.workers.map((worker) => [
          worker.workerId,
          worker.host,
          worker.ranks || '-',
          worker.stage,
          worker.rankMs === undefined ? '-' : worker.rankMs.toFixed(1),
          (worker.silentMs / 1000).toFixed(1),
          [worker.note, worker.waitsFor.length ? `waits for ${worker.waitsFor.join(', ')}` : '']
            .filter((part) => part)
            .join('; '),
        ]);
        printLine(
          `\n${alignColumns([['worker', 'host', 'ranks', 'stage', 'ms/rank', 'heard s ago', ''], ...rows], ['left', 'left', 'left', 'left', 'right', 'right', 'left'])}`,
        );
      }
      if (status?.checkpoint)
        printLine(`\nnewest checkpoint: ${status.checkpoint.phase}, operation ${status.checkpoint.ops}`);
      const incidents = record.incidents.slice(-incidentsShown);
      if (incidents.length)
        printLine(
          `\nlast incidents:\n${incidents.map(({ at, workerId, what }) => `  ${at}  ${workerId ? `${workerId} ` : ''}${what}`).join('\n')}`,
        );
    });
}
