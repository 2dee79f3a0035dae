// stillhouse compress: models with fewer bits, and the cost in accuracy.
import type { Command } from 'commander';
import { compress, compressTable, type PhaseName } from 'stillhouse';
import { jsonOption, modelOption, recipeFolderOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine } from '../terminal.js';

interface Options {
  model?: PhaseName;
  out: string;
  recipeFolder?: string;
  json?: true;
}

export function addCompress(program: Command): void {
  program
    .command('compress <folders...>')
    .description(
      "Write runs' models with weights of 32, 16 and 8 bits, test and time each, and plot size against error.",
    )
    .addOption(modelOption('which model of each run'))
    .option('--out <folder>', 'folder of the models, table.md, pareto.svg and compress.json', 'compressed')
    .addOption(recipeFolderOption())
    .addOption(jsonOption('all models'))
    .addHelpText(
      'after',
      `
TFJS opens all of them, in browsers too. A model with many zeros (student.prune) is small once it is gzipped.

Example:
  stillhouse compress runs/small runs/pruned --out compressed`,
    )
    .action(async (folders: string[], options: Options) => {
      const models = await compress(folders, {
        ...options,
        onWarning: (warning) => reportLine(`warning: ${warning}`),
      });
      if (options.json) return printLine(JSON.stringify(models));
      printLine(`${alignColumns(compressTable(models), ['left', 'left'])}\n\nWritten to ${options.out}`);
    });
}
