// stillhouse compress: models in fewer bits, and what that costs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { datasetOf, lossOf, StillhouseError, weightFormats, type PhaseName } from '@stillhouse/core';
import { installedEngines } from '@stillhouse/native';
import { compress, type CompressTask } from 'stillhouse';
import { compressMarkdown, compressTable, drawPareto } from 'stillhouse';
import { readTest } from 'stillhouse';
import { mainModel, openData, readRun } from 'stillhouse';
import { jsonOption } from './options.js';
import { printLine } from './terminal.js';

interface Options {
  model?: PhaseName;
  out: string;
  recipeFolder?: string;
  json?: true;
}

async function taskOf(folder: string, { model, recipeFolder }: Options): Promise<CompressTask> {
  const run = readRun(folder);
  const name = model ?? mainModel(run);
  const {
    job,
    dataset: { blocks },
  } = await openData(run, recipeFolder);
  const dataset = datasetOf(job.dataset, name);
  return { run, name, test: { ...(await readTest(dataset, blocks)), dataset, loss: lossOf(run.recipe.loss) } };
}

export function addCompress(program: Command): void {
  program
    .command('compress <folders...>')
    .description(
      "Write runs' models with weights of 32, 16 and 8 bits, test and time each, and plot size against error.",
    )
    .addOption(
      new Option('--model <name>', 'which model of each run (default: student, else teacher)').choices([
        'teacher',
        'student',
        'baseline',
      ]),
    )
    .option('--out <folder>', 'folder of the models, table.md, pareto.svg and compress.json', 'compressed')
    .addOption(
      new Option('--recipe-folder <folder>', 'folder that the paths in the recipes are relative to, if it has moved'),
    )
    .addOption(jsonOption('all models'))
    .addHelpText(
      'after',
      `
TFJS opens every one of them, in browsers as well. A model with many zeros (student.prune) is small once it is gzipped.

Example:
  stillhouse compress runs/small runs/pruned --out compressed`,
    )
    .action(async (folders: string[], options: Options) => {
      const tasks: CompressTask[] = [];
      for (const folder of folders) tasks.push(await taskOf(folder, options));
      const tested = new Set(
        tasks.map(({ test: { dataset, loss } }) =>
          JSON.stringify([loss.labels !== 'numbers', dataset.sets.test!.blocks]),
        ),
      );
      if (tested.size > 1)
        throw new StillhouseError(
          'USAGE',
          'the runs were tested on other rows, or one by classes and another by numbers: their errors cannot be compared',
          { next: 'Compress runs of one task at a time.' },
        );
      const models = await compress(tasks, {
        formats: weightFormats,
        backends: ['wasm', ...(installedEngines(process.env, 'tensorflow').length ? ['tensorflow' as const] : [])],
        out: options.out,
      });
      writeFileSync(join(options.out, 'compress.json'), `${JSON.stringify(models, null, 2)}\n`);
      writeFileSync(join(options.out, 'table.md'), compressMarkdown(models));
      writeFileSync(join(options.out, 'pareto.svg'), drawPareto(models));
      if (options.json) return printLine(JSON.stringify(models));
      printLine(`${compressTable(models)}\n\nWritten to ${options.out}`);
    });
}
