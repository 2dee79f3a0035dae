// stillhouse predict: rows in, predictions out, one line each.
import { text } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { limits, predictionOf, type PhaseName } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { parseRows, predictionLine } from 'stillhouse';
import { mainModel, openModel, readRun } from 'stillhouse';
import { backendOption, jsonOption } from './options.js';
import { printLine } from './terminal.js';

export function addPredict(program: Command): void {
  program
    .command('predict <folder>')
    .description(
      'Predict rows from standard input: CSV with a header for tables, else one row of numbers (CSV or JSON array) a line.',
    )
    .addOption(
      new Option('--model <name>', 'which model (default: student, else teacher)').choices([
        'teacher',
        'student',
        'baseline',
      ]),
    )
    .addOption(backendOption())
    .addOption(jsonOption('each prediction'))
    .addHelpText(
      'after',
      `
Prints one line a row: values for regression, class and probability for classification.

Example:
  echo "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.1" | stillhouse predict runs/friedman-20260101-120000-a1b2`,
    )
    .action(async (folder: string, options: { model?: PhaseName; backend: BackendName; json?: true }) => {
      const run = readRun(folder);
      const name = options.model ?? mainModel(run);
      const { openInferenceBackend, predictRows } = await import('@stillhouse/worker');
      await openInferenceBackend(options.backend);
      const { model, metadata } = await openModel(run, name);
      const { rowCount, inputs } = parseRows(await text(process.stdin), metadata);
      const width = inputs.length / rowCount;
      for (let first = 0; first < rowCount; first += limits.evaluationBatchRows) {
        const count = Math.min(limits.evaluationBatchRows, rowCount - first);
        const outputs = await predictRows(model, inputs.slice(first * width, (first + count) * width), [
          count,
          ...metadata.inputShape,
        ]);
        for (let i = 0; i < count; i++) {
          const prediction = predictionOf(
            [...outputs.subarray(i * metadata.outputs, (i + 1) * metadata.outputs)],
            metadata,
          );
          printLine(options.json ? JSON.stringify(prediction) : predictionLine(prediction));
        }
      }
    });
}
