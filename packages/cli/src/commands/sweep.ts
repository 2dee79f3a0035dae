// stillhouse sweep: a recipe with other values and seeds.
import { availableParallelism } from 'node:os';
import { Option, type Command } from 'commander';
import type { MetricName } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { axisOf } from 'stillhouse';
import { tableText } from 'stillhouse';
import { sweep } from 'stillhouse';
import { backendOption, collect, jsonOption, parseCount, setOption } from './options.js';
import { printLine, tellLine, withInterrupt } from './terminal.js';

interface Options {
  vary: string[];
  seeds: number;
  metric?: MetricName;
  teachers: 'shared' | 'each';
  out: string;
  jobs: number;
  backend: BackendName;
  set: string[];
  json?: true;
}

export function addSweep(program: Command): void {
  program
    .command('sweep <recipe>')
    .description(
      'Run a recipe with other values and seeds; print mean and 95 % interval of student and baseline for each combination.',
    )
    .addOption(
      new Option(
        '--vary <path=values>',
        'values of an axis, such as data.small.perClass=1,10,100; may be repeated for every combination',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--seeds <count>', "seeds: the recipe's own, and those that follow it", parseCount, 3)
    .option('--metric <name>', "test metric to compare (default: the recipe's first)")
    .addOption(
      new Option(
        '--teachers <how>',
        'shared: seeds share a teacher, unless the seed decides about its rows; each: every seed trains its own',
      )
        .choices(['shared', 'each'])
        .default('shared'),
    )
    .option('--jobs <count>', 'runs side by side', parseCount, availableParallelism())
    .addOption(backendOption())
    .option('--out <folder>', 'folder of the sweep; runs that it holds already are not run again', 'sweep')
    .addOption(setOption())
    .addOption(jsonOption('rows and outcomes'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse sweep recipe.yaml --vary data.small.perClass=1,10,100,1000 --seeds 5 --out results/rows
  stillhouse sweep recipe.yaml --vary distill.alpha=-2,0,2 --vary distill.beta=0.05,0.25,1`,
    )
    .action(async (recipe: string, options: Options) => {
      const abort = new AbortController();
      const axes = options.vary.map(axisOf);
      const result = await withInterrupt(
        () => abort.abort(),
        () =>
          sweep({
            recipe,
            axes,
            set: options.set,
            seeds: options.seeds,
            metric: options.metric,
            teacherEach: options.teachers === 'each',
            out: options.out,
            backend: options.backend,
            jobs: options.jobs,
            signal: abort.signal,
            tell: tellLine,
          }),
      );
      if (options.json) return printLine(JSON.stringify(result));
      printLine(`\n${tableText(axes, result.rows, result.metric)}\n\nWritten to ${result.folder}`);
    });
}
