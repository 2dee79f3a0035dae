// stillhouse predict: reads rows and prints one prediction per line.
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { predict, type BackendName, type PhaseName, type Prediction } from 'stillhouse';
import { backendOption, jsonOption, modelOption } from '../options.js';
import { printLine } from '../terminal.js';

const digits = (value: number): string => String(Number(value.toPrecision(7)));

/** One line of CSV: values and their deviations, or class and probability. */
function predictionLine({ values, deviations = [], class: named, probabilities }: Prediction): string {
  if (values) return [...values, ...deviations].map(digits).join(',');
  if (typeof named === 'string' && probabilities) return `${named},${digits(Math.max(...probabilities))}`;
  return [...(named as readonly string[]), ...probabilities!.map(digits)].join(',');
}

export function addPredict(program: Command): void {
  program
    .command('predict <folder>')
    .description(
      'Predict rows from standard input: CSV with a header for tables, else one row of numbers per line (CSV ' +
        'or JSON array).',
    )
    .addOption(modelOption('which model'))
    .addOption(backendOption())
    .addOption(jsonOption('each prediction'))
    .addHelpText(
      'after',
      `
Prints one line per row: values for regression, class and probability for classification.

Example:
  echo "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.1" | stillhouse predict runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, options: { model?: PhaseName; backend: BackendName; json?: true }) => {
      for (const prediction of await predict(folder, await text(process.stdin), {
        ...options,
        source: 'standard input',
      }))
        printLine(options.json ? JSON.stringify(prediction) : predictionLine(prediction));
    });
}
