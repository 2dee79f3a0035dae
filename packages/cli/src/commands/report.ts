// stillhouse report and compare: runs in a readable form.
import type { Command } from 'commander';
import {
  compare,
  formatCount,
  formatMetric,
  phaseNames,
  phaseTitles,
  report,
  type ComparedRun,
  type Comparison,
} from 'stillhouse';
import { recipeFolderOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine } from '../terminal.js';

export function addReport(program: Command): void {
  program
    .command('report <folder>')
    .description(
      'Write a report of a run as one HTML file that needs no network: results with intervals, curves, tuning, ' +
        'confusion, calibration, disagreements.',
    )
    .option('--out <file>', 'file to write (default: report.html in the run folder)')
    .addOption(recipeFolderOption())
    .addHelpText(
      'after',
      `
Example:
  stillhouse report runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, options: { out?: string; recipeFolder?: string }) => {
      const { file, missing } = await report(folder, options);
      if (missing !== undefined) reportLine(`warning: the report lacks the parts that need the test rows: ${missing}`);
      printLine(`Written to ${file}`);
    });
}

function comparisonTable({ runs, recipes, tuned }: Comparison): string {
  const shown = ({ metric }: ComparedRun, value: number | undefined): string =>
    value === undefined ? '–' : formatMetric(metric, value);
  return alignColumns([
    ['', ...runs.map(({ folder }) => folder)],
    ['status', ...runs.map(({ status }) => status)],
    ['test metric', ...runs.map(({ metric }) => metric)],
    ...phaseNames.map((name) => [phaseTitles[name], ...runs.map((run) => shown(run, run[name]))]),
    [
      'student bytes',
      ...runs.map(({ studentBytes }) => (studentBytes === undefined ? '–' : formatCount(studentBytes))),
    ],
    ...recipes.map(({ path, values }) => [path, ...values.map((value) => value ?? '–')]),
    ...tuned.map(({ path, values }) => [`tuned ${path}`, ...values.map((value) => value ?? '–')]),
  ]);
}

export function addCompare(program: Command): void {
  program
    .command('compare <folders...>')
    .description('Print runs side by side: their results, and where their recipes differ.')
    .addHelpText(
      'after',
      `
Example:
  stillhouse compare runs/first runs/second`,
    )
    .action(async (folders: string[]) => printLine(comparisonTable(await compare(folders))));
}
