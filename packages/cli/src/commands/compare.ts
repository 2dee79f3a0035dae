// stillhouse compare: runs side by side.
import type { Command } from 'commander';
import {
  compare,
  formatCount,
  formatSeconds,
  formatValue,
  phaseNames,
  phaseTitles,
  type ComparedRun,
  type Comparison,
  type ModelSummary,
  type PhaseName,
  type TrainedFacts,
} from 'stillhouse';
import { jsonOption } from '../options.js';
import { alignColumns, formatTest } from '../table.js';
import { printLine } from '../terminal.js';

const none = '–';
/** Hashes that differ, differ in their first digits. */
const hashDigits = 16;

const modelOf = ({ models }: ComparedRun, name: PhaseName): ModelSummary | undefined =>
  models.find((model) => model.name === name);

function modelRows(runs: readonly ComparedRun[], name: PhaseName): string[][] {
  if (!runs.some((run) => modelOf(run, name))) return [];
  const title = phaseTitles[name];
  const metrics = [...new Set(runs.flatMap((run) => run.metrics))];
  const fact = (what: string, shown: (facts: TrainedFacts) => string): string[] => [
    `${title}: ${what}`,
    ...runs.map((run) => {
      const trained = modelOf(run, name)?.trained;
      return trained ? shown(trained) : none;
    }),
  ];
  return [
    ...metrics.map((metric) => [
      `${title}: test ${metric}`,
      ...runs.map((run) => {
        const test = modelOf(run, name)?.test;
        return test && metric in test ? formatTest(test, metric) : none;
      }),
    ]),
    fact('weights', ({ weightsSha256 }) => weightsSha256.slice(0, hashDigits)),
    fact('parameters', ({ parameters }) => formatCount(parameters)),
    fact('bytes', ({ bytes }) => formatCount(bytes)),
    fact('epochs', ({ epochs }) => formatCount(epochs)),
    fact('time', ({ seconds }) => formatSeconds(seconds)),
  ];
}

function comparisonTable({ runs, recipes, tuned }: Comparison): string {
  return alignColumns([
    ['', ...runs.map(({ folder }) => folder)],
    ['status', ...runs.map(({ status }) => status)],
    ['engine', ...runs.map(({ engines }) => engines.join('; ') || none)],
    ['workers', ...runs.map(({ workers }) => formatCount(workers))],
    ['data', ...runs.map(({ dataSha256 }) => dataSha256.slice(0, hashDigits))],
    ...phaseNames.flatMap((name) => modelRows(runs, name)),
    ...recipes.map(({ path, values }) => [path, ...values.map((value) => value ?? none)]),
    ...tuned.map(({ path, values }) => [
      `tuned ${path}`,
      ...values.map((value) => (value === undefined ? none : formatValue(value))),
    ]),
  ]);
}

export function addCompare(program: Command): void {
  program
    .command('compare <folders...>')
    .description(
      'Print runs side by side: all metrics that their recipes show, engines, hashes, and where their recipes differ.',
    )
    .addOption(jsonOption('the comparison, with every metric and whole hashes,'))
    .addHelpText(
      'after',
      `
Example:
  stillhouse compare runs/first runs/second`,
    )
    .action(async (folders: string[], options: { json?: true }) => {
      const comparison = await compare(folders);
      printLine(options.json ? JSON.stringify(comparison) : comparisonTable(comparison));
    });
}
