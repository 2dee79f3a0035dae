// stillhouse data: downloads well-known data sets, inspects files, and prepares a recipe's data ahead of a run.
import { Argument, type Command } from 'commander';
import {
  dataSetNames,
  fetchData,
  formatCount,
  inspect,
  prepare,
  StillhouseError,
  type Inspection,
  type KnownDataset,
  type PreparedData,
  type PrepareOptions,
} from 'stillhouse';
import { stringify } from 'yaml';
import { jsonOption, quietOption, setOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine, withInterrupt } from '../terminal.js';

const counted = (labels: Inspection['labels']): string =>
  labels.map(({ text, count }) => `${text} (${formatCount(count)})`).join(', ');

function inspectionLines({ what, rows, columns, inputs, labels, recipe }: Inspection): string[] {
  const facts = columns.map(({ name, type, missing, distinct, isExact, min, max, frequent }) => [
    name,
    type,
    formatCount(missing),
    `${isExact ? '' : 'about '}${formatCount(distinct)}`,
    frequent.length ? counted(frequent) : `${min ?? '-'} … ${max ?? '-'}`,
  ]);
  return [
    `${what}: ${formatCount(rows)} rows`,
    '',
    ...(facts.length
      ? [alignColumns([['column', 'type', 'missing', 'distinct', 'range, or most frequent'], ...facts])]
      : []),
    ...(inputs ? [`inputs: ${inputs.shape.join(' × ')} of ${inputs.dtype}, ${inputs.min} … ${inputs.max}`] : []),
    ...(labels.length ? [`labels: ${counted(labels)}`] : []),
    '',
    'A recipe to start from:',
    '',
    stringify(recipe).trimEnd(),
  ];
}

function printPrepared({ folder, isKept, inputShape, outputs, sets }: PreparedData, json: boolean): void {
  if (json) return printLine(JSON.stringify({ folder, wasThere: isKept, inputs: inputShape, outputs, sets }));
  printLine(
    alignColumns([
      ['', 'rows', 'blocks'],
      ...sets.map(({ name, rows, blocks }) => [name, formatCount(rows), formatCount(blocks)]),
    ]),
  );
  printLine(`${isKept ? 'Already prepared' : 'Prepared'}: ${folder}`);
}

function addFetch(data: Command): void {
  data
    .command('fetch')
    .description('Download a well-known data set, verified by hash. Correct files that are already there are kept.')
    .addArgument(new Argument('<name>', 'data set').choices(dataSetNames))
    .option('--mirror <url>', 'address of a folder to download from')
    .addHelpText(
      'after',
      `
The folder is STILLHOUSE_DATA, or else stillhouse/data in the user's cache folder.
Recipes find files there as data:NAME/FILE.

Example:
  stillhouse data fetch mnist`,
    )
    .action(async (name: KnownDataset, options: { mirror?: string }) => {
      const onFile = ({ path, bytes, kept }: { path: string; bytes: number; kept: boolean }): void =>
        reportLine(`${kept ? 'kept' : 'downloaded'} ${path} (${formatCount(bytes)} bytes)`);
      printLine(await fetchData(name, { ...options, onFile }));
    });
}

function addInspect(data: Command): void {
  data
    .command('inspect [path]')
    .description(
      'Show what is in a file, a pattern of files or a folder: columns or shapes, missing cells, ranges, ' +
        'classes, and a recipe to start from.',
    )
    .option('--sql <query>', 'inspect the result of a DuckDB query instead of a path')
    .option(
      '--target <column>',
      'column to predict (default: one named y, target, label or class, or else the last possible one)',
    )
    .addOption(jsonOption('what was found'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse data inspect houses.csv
  stillhouse data inspect 'logs/*.parquet' --target clicks`,
    )
    .action(async (path: string | undefined, options: { sql?: string; target?: string; json?: true }) => {
      if ((path === undefined) === (options.sql === undefined))
        throw new StillhouseError('USAGE', 'give a path, or a query with --sql');
      const inspection = await inspect(path ?? { sql: options.sql! }, options);
      inspection.warnings.forEach(reportLine);
      if (options.json) return printLine(JSON.stringify(inspection));
      for (const line of inspectionLines(inspection)) printLine(line);
    });
}

function addPrepare(data: Command): void {
  data
    .command('prepare <recipe>')
    .description(
      "Read a recipe's data and cut it into blocks, as a run would. Later runs use the blocks, and refuse to " +
        'start if a source has changed.',
    )
    .option('--again', 'prepare again even if the data have been prepared')
    .addOption(setOption())
    .addOption(quietOption())
    .addOption(jsonOption('what was prepared'))
    .addHelpText(
      'after',
      `
Blocks are kept in STILLHOUSE_PREPARED, or else in stillhouse/prepared in the user's cache folder.
After an interruption, the same command continues where it stopped.

Example:
  stillhouse data prepare recipe.yaml`,
    )
    .action(
      async (path: string, options: { again?: true; set: Record<string, unknown>; quiet?: true; json?: true }) => {
        const tell: PrepareOptions['onProgress'] = ({ set, rows, of }) =>
          reportLine(`data.${set}: ${formatCount(rows)} of ${formatCount(of)} rows`);
        const prepared = await withInterrupt((signal) =>
          prepare(path, { ...options, signal, ...(options.quiet ? {} : { onProgress: tell }) }),
        );
        prepared.warnings.forEach(reportLine);
        printPrepared(prepared, options.json ?? false);
      },
    );
}

export function addData(program: Command): void {
  const data = program.command('data').description('Data sets.');
  addFetch(data);
  addInspect(data);
  addPrepare(data);
}
