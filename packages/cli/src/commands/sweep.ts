// stillhouse sweep: a recipe with different values and seeds.
import { availableParallelism } from 'node:os';
import { Option, type Command } from 'commander';
import { formatMetric, sweep, sweepTable, type BackendName, type SweepAxis, type SweepOptions } from 'stillhouse';
import {
  backendOption,
  checkpointOption,
  heartbeatOption,
  jsonOption,
  parseAxis,
  parseCount,
  quietOption,
  setOption,
  timingsOf,
  type TimingOptions,
} from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine, withInterrupt } from '../terminal.js';

interface Options extends TimingOptions {
  vary: SweepAxis[];
  seeds: number;
  metric?: string;
  teachers: 'shared' | 'each';
  out: string;
  jobs: number;
  backend: BackendName;
  set: Record<string, unknown>;
  quiet?: true;
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
    .addOption(heartbeatOption('a worker'))
    .addOption(checkpointOption())
    .addOption(quietOption())
    .addOption(jsonOption('rows and outcomes'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse sweep recipe.yaml --vary data.small.perClass=1,10,100,1000 --seeds 5 --out results/rows
  stillhouse sweep recipe.yaml --vary distill.alpha=-2,0,2 --vary distill.beta=0.05,0.25,1`,
    )
    .action(async (recipe: string, { vary: axes, json, ...options }: Options) => {
      const tell: SweepOptions['onOutcome'] = ({ values, seed, baseline, student }, { done, of, metric }) => {
        const cell = [...axes.map(({ path }, i) => `${path}=${shown(values[i])}`), `seed=${seed}`].join(', ');
        reportLine(
          `${done} of ${of}: ${cell}: ${metric}: baseline ${formatMetric(metric, baseline)}, ` +
            `distilled ${formatMetric(metric, student)}`,
        );
      };
      const result = await withInterrupt((signal) =>
        sweep(recipe, {
          ...options,
          ...timingsOf(options),
          axes,
          signal,
          onWarning: (text) => reportLine(`warning: ${text}`),
          ...(options.quiet ? {} : { onOutcome: tell }),
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
