// stillhouse logs: what the coordinator or a worker of a run logged.
import type { Command } from 'commander';
import { readLog } from 'stillhouse';
import { jsonOption, parseCount } from '../options.js';
import { logText } from '../log-text.js';
import { printLine } from '../terminal.js';

export function addLogs(program: Command): void {
  program
    .command('logs <folder>')
    .description("Print the log of a run's coordinator, or of a worker that the run started.")
    .option('--worker <number>', 'log of this worker, counted from 1', parseCount)
    .addOption(jsonOption('lines as they are in the file, whole and most of them'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse logs runs/friedman-20260101-120000-a1b2
  stillhouse logs runs/friedman-20260101-120000-a1b2 --worker 2 | tail`,
    )
    .action(async (folder: string, options: { worker?: number; json?: true }) => {
      for await (const line of readLog(folder, options)) printLine(options.json ? line.raw : logText(line));
    });
}
