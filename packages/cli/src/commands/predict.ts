// stillhouse predict: reads rows and prints them with their predictions.
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import {
  messageOf,
  predict,
  predictText,
  StillhouseError,
  textOfRows,
  type BackendName,
  type PhaseName,
} from 'stillhouse';
import { backendOption, delimiterOption, jsonOption, modelOption } from '../options.js';
import { printLine, reportLine } from '../terminal.js';

/** The rows' text and what they are called. */
async function rowsOf(file: string | undefined): Promise<{ rows: string; source: string }> {
  if (file === undefined || file === '-') {
    const source = 'standard input';
    return { rows: textOfRows(await buffer(process.stdin), source), source };
  }
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new StillhouseError('DATA_NOT_FOUND', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  return { rows: textOfRows(bytes, file), source: file };
}

interface Options {
  readonly model?: PhaseName;
  readonly backend: BackendName;
  readonly delimiter?: string;
  readonly proba?: true;
  readonly json?: true;
}

export function addPredict(program: Command): void {
  program
    .command('predict <folder> [file]')
    .description(
      'Predict rows of a file or, without one or with -, from standard input: CSV with a header for tables, else ' +
        'one row of numbers per line (CSV or JSON array), gzipped or not. The folder is that of a run, or of one ' +
        'model, such as a compressed one.',
    )
    .addOption(modelOption('which model of a run'))
    .addOption(delimiterOption())
    .option('--proba', 'print the probability of each class, not only that of the predicted one')
    .addOption(backendOption())
    .addOption(jsonOption('each prediction'))
    .addHelpText(
      'after',
      `
Prints a table as CSV with its own columns, followed by prediction and, for classes, probability; of other rows only
the prediction, one line per row.

Examples:
  stillhouse predict runs/houses-20260101-120000-a1b2 new.csv > predicted.csv
  echo "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.1" | stillhouse predict runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, file: string | undefined, { json, ...given }: Options) => {
      const { rows, source } = await rowsOf(file);
      const options = { ...given, source, onWarning: (warning: string) => reportLine(`warning: ${warning}`) };
      if (!json) return void process.stdout.write(await predictText(folder, rows, options));
      for (const prediction of await predict(folder, rows, options)) printLine(JSON.stringify(prediction));
    });
}
