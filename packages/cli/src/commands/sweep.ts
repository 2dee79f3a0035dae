// stillhouse sweep: a recipe with different values and seeds.
import { availableParallelism } from 'node:os';
import { Option, type Command } from 'commander';
import { sweep, sweepTable, type BackendName, type SweepAxis } from 'stillhouse';
import { backendOption, jsonOption, parseAxis, parseCount, setOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine, withInterrupt } from '../terminal.js';

interface Options {
  vary: SweepAxis[];
  seeds: number;
  metric?: string;
  teachers: 'shared' | 'each';
  out: string;
  jobs: number;
  backend: BackendName;
  set: Record<string, unknown>;
  json?: true;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export function addSweep(program: Command): void {
  program
    .command('sweep <recipe>')
    .description(
      'Run a recipe with different values and seeds; print mean and 95 % interval of student and baseline per ' +
        'combination.',
    )
    .addOption(
      new Option(
        '--vary <path=values>',
        'values of a key, such as data.small.perClass=1,10,100; repeat it to run all combinations',
      )
        .argParser(parseAxis)
        .default([], 'none'),
    )
    .option('--seeds <count>', "number of seeds: the recipe's own and the following ones", parseCount, 3)
    .option('--metric <name>', "test metric to compare (default: the recipe's first)")
    .addOption(
      new Option(
        '--teachers <how>',
        'shared: seeds share a teacher if they would train it on the same rows; each: every seed trains its own',
      )
        .choices(['shared', 'each'])
        .default('shared'),
    )
    .option('--jobs <count>', 'number of parallel runs', parseCount, availableParallelism())
    .addOption(backendOption())
    .option('--out <folder>', 'folder of the sweep; runs that are already in it are not repeated', 'sweep')
    .addOption(setOption())
    .addOption(jsonOption('rows and outcomes'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse sweep recipe.yaml --vary data.small.perClass=1,10,100,1000 --seeds 5 --out results/rows
  stillhouse sweep recipe.yaml --vary distill.alpha=-2,0,2 --vary distill.beta=0.05,0.25,1`,
    )
    .action(async (recipe: string, { vary: axes, json, ...options }: Options) => {
      const nameOf = (values: readonly unknown[]): string[] => axes.map(({ path }, i) => `${path}=${shown(values[i])}`);
      const result = await withInterrupt((signal) =>
        sweep(recipe, {
          ...options,
          axes,
          signal,
          onWarning: (text) => reportLine(`warning: ${text}`),
          onOutcome: ({ values, seed, baseline, student }, { done, of }) =>
            reportLine(
              `${done} of ${of}: ${[...nameOf(values), `seed=${seed}`].join(', ')}: baseline ${baseline}, ` +
                `distilled ${student}`,
            ),
        }),
      );
      if (json) return printLine(JSON.stringify(result));
      const table = alignColumns(
        sweepTable(result),
        axes.map(() => 'left'),
      );
      printLine(`\n${table}\n\nWritten to ${result.folder}`);
    });
}
