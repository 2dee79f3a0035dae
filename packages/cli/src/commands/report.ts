// stillhouse report and compare: runs for people.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { StillhouseError } from '@stillhouse/core';
import { compareTable } from 'stillhouse';
import { judgeRun } from 'stillhouse';
import { reportHtml } from 'stillhouse';
import { openData, readRun, type TrainedRun } from 'stillhouse';
import { printLine, tellLine } from './terminal.js';

async function htmlOf(run: TrainedRun, recipeFolder: string | undefined): Promise<string> {
  const { record, recipe } = run;
  try {
    const { job, dataset } = await openData(run, recipeFolder);
    // Whose engine alone runs SavedModels.
    const backend = job.assets.teachers?.some(({ format }) => format === 'savedModel') ? 'tensorflow' : 'wasm';
    const { openInferenceBackend } = await import('@stillhouse/worker');
    await openInferenceBackend(backend);
    return reportHtml({
      record,
      recipe,
      judged: await judgeRun(run, job, dataset.blocks),
      missing: undefined,
      backend,
    });
  } catch (error) {
    if (!(error instanceof StillhouseError)) throw error;
    tellLine(`warning: the report is without what needs the test rows: ${error.message}`);
    return reportHtml({ record, recipe, judged: undefined, missing: error.message, backend: undefined });
  }
}

export function addReport(program: Command): void {
  program
    .command('report <folder>')
    .description(
      'Write a run as one HTML file that needs no network: results with intervals, curves, tuning, confusion, calibration, disagreements.',
    )
    .option('--out <file>', 'file to write (default: report.html in the run folder)')
    .addOption(
      new Option('--recipe-folder <folder>', 'folder that the paths in the recipe are relative to, if it has moved'),
    )
    .addHelpText(
      'after',
      `
Example:
  stillhouse report runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, options: { out?: string; recipeFolder?: string }) => {
      const file = options.out ?? join(folder, 'report.html');
      const html = await htmlOf(readRun(folder), options.recipeFolder);
      try {
        writeFileSync(file, html);
      } catch (cause) {
        throw new StillhouseError(
          'OUT_UNWRITABLE',
          `${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause },
        );
      }
      printLine(`Written to ${file}`);
    });
}

export function addCompare(program: Command): void {
  program
    .command('compare <folders...>')
    .description('Print runs side by side: what they have in common is left out of the recipes.')
    .addHelpText(
      'after',
      `
Example:
  stillhouse compare runs/first runs/second`,
    )
    .action((folders: string[]) => printLine(compareTable(folders.map((folder) => readRun(folder)))));
}
