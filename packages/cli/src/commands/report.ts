// stillhouse report: a run as one file in a readable form.
import type { Command } from 'commander';
import { report } from 'stillhouse';
import { recipeFolderOption } from '../options.js';
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
      const { file, missing, warnings } = await report(folder, options);
      for (const warning of warnings) reportLine(`warning: ${warning}`);
      if (missing !== undefined) reportLine(`warning: the report lacks the parts that need the test rows: ${missing}`);
      printLine(`Written to ${file}`);
    });
}
