// stillhouse generations: students that teach the next ones.
import type { Command } from 'commander';
import { generations, loadRecipe, phaseTitles, shownMetrics, type BackendName, type Generation } from 'stillhouse';
import {
  backendOption,
  checkpointOption,
  heartbeatOption,
  jsonOption,
  parseCount,
  quietOption,
  setOption,
  timingsOf,
  type TimingOptions,
} from '../options.js';
import { alignColumns, formatTest } from '../table.js';
import { printLine, reportLine, withInterrupt } from '../terminal.js';

interface Options extends TimingOptions {
  count: number;
  workers: number;
  backend: BackendName;
  out: string;
  set: Record<string, unknown>;
  quiet?: true;
  json?: true;
}

export function addGenerations(program: Command): void {
  program
    .command('generations <recipe>')
    .description(
      "Run a recipe, then again with each run's student as the teacher of the next one (born-again networks).",
    )
    .option('--count <number>', 'generations, the first with the recipe’s own teacher', parseCount, 3)
    .option('--workers <number>', 'worker processes', parseCount, 2)
    .addOption(backendOption())
    .option('--out <folder>', 'folder of the runs; runs that are already in it are not repeated', 'generations')
    .addOption(setOption())
    .addOption(heartbeatOption('a worker'))
    .addOption(checkpointOption())
    .addOption(quietOption())
    .addOption(jsonOption('test metrics of all generations'))
    .addHelpText(
      'after',
      `
Several generations can teach together: teacher: { pretrained: [generations/1-…/student, generations/2-…/student] }

Example:
  stillhouse generations recipe.yaml --count 3 --out runs/again`,
    )
    .action(async (path: string, options: Options) => {
      const { recipe } = await loadRecipe(path, options);
      const [metric] = shownMetrics(recipe);
      const tell = ({ generation, student, folder }: Generation): void =>
        reportLine(`generation ${generation}: test ${metric} ${formatTest(student, metric)}, ${folder}`);
      const done = await withInterrupt((signal) =>
        generations(path, {
          ...options,
          ...timingsOf(options),
          signal,
          ...(options.quiet ? {} : { onGeneration: tell }),
        }),
      );
      if (options.json) return printLine(JSON.stringify(done));
      printLine(
        alignColumns([
          ['generation', `teacher's ${metric}`, phaseTitles.student, phaseTitles.baseline],
          ...done.map(({ generation, teacher, student, baseline }) => [
            String(generation),
            teacher ? formatTest(teacher, metric) : '–',
            formatTest(student, metric),
            formatTest(baseline, metric),
          ]),
        ]),
      );
      printLine(`\nWritten to ${options.out}`);
    });
}
