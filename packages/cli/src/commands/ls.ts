// stillhouse ls: the runs in a folder.
import type { Command } from 'commander';
import { formatMetricOf, formatSeconds, formatTime, listRuns, phaseTitles, type ListedRun } from 'stillhouse';
import { jsonOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine } from '../terminal.js';

const tookOf = ({ startedAt, endedAt }: ListedRun): string =>
  endedAt === undefined ? '-' : formatSeconds((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);

const resultOf = ({ main, metric, error }: ListedRun): string =>
  error
    ? error.code
    : main && metric !== undefined
      ? `${phaseTitles[main.name]}: test ${metric} ${main.test.rows === 0 ? '–' : formatMetricOf(metric, main.test)}`
      : '-';

export function addList(program: Command): void {
  program
    .command('ls [folder]')
    .description('List the runs in a folder (default: runs) and in folders below it, the newest first.')
    .addOption(jsonOption('the runs'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse ls
  stillhouse ls sweep/cells`,
    )
    .action((folder: string | undefined, options: { json?: true }) => {
      const found = listRuns(folder ?? 'runs');
      if (options.json) return printLine(JSON.stringify(found));
      for (const each of found.unreadable) reportLine(`warning: ${each.folder}: ${each.reason}`);
      if (found.runs.length === 0) return reportLine(`no run in ${folder ?? 'runs'}`);
      const rows = found.runs.map((run) => [
        run.folder,
        run.status,
        formatTime(run.startedAt),
        tookOf(run),
        resultOf(run),
      ]);
      printLine(
        alignColumns(
          [['run', 'status', 'started', 'took', 'result'], ...rows],
          ['left', 'left', 'left', 'right', 'left'],
        ),
      );
    });
}
