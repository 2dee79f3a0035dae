// stillhouse data: well-known data sets, and those of recipes prepared ahead.
import { Argument, type Command } from 'commander';
import {
  dataSetNames,
  fetchData,
  inspect,
  prepare,
  StillhouseError,
  type Inspection,
  type KnownDataset,
  type PreparedData,
} from 'stillhouse';
import { stringify } from 'yaml';
import { jsonOption, setOption } from '../options.js';
import { alignColumns, grouped } from '../table.js';
import { printLine, reportLine } from '../terminal.js';

const counted = (labels: Inspection['labels']): string =>
  labels.map(({ text, count }) => `${text} (${grouped(count)})`).join(', ');

function inspectionLines({ what, rows, columns, inputs, labels, recipe }: Inspection): string[] {
  const facts = columns.map(({ name, type, missing, distinct, min, max, frequent }) => [
    name,
    type,
    grouped(missing),
    grouped(distinct),
    frequent.length ? counted(frequent) : `${min ?? '-'} … ${max ?? '-'}`,
  ]);
  return [
    `${what}: ${grouped(rows)} rows`,
    '',
    ...(facts.length
      ? [alignColumns([['column', 'type', 'missing', 'distinct (about)', 'range, or most frequent'], ...facts])]
      : []),
    ...(inputs ? [`inputs: ${inputs.shape.join(' × ')} of ${inputs.dtype}, ${inputs.min} … ${inputs.max}`] : []),
    ...(labels.length ? [`labels: ${counted(labels)}`] : []),
    '',
    'A recipe to begin with:',
    '',
    stringify(recipe).trimEnd(),
  ];
}

function printPrepared({ folder, isKept, inputShape, outputs, sets }: PreparedData, json: boolean): void {
  if (json) return printLine(JSON.stringify({ folder, wasThere: isKept, inputs: inputShape, outputs, sets }));
  printLine(
    alignColumns([
      ['', 'rows', 'blocks'],
      ...sets.map(({ name, rows, blocks }) => [name, grouped(rows), grouped(blocks)]),
    ]),
  );
  printLine(`${isKept ? 'Was prepared already' : 'Prepared'}: ${folder}`);
}

function addFetch(data: Command): void {
  data
    .command('fetch')
    .description('Download a well-known data set, verified by hash. Files that are there and right are kept.')
    .addArgument(new Argument('<name>', 'data set').choices(dataSetNames))
    .option('--mirror <url>', 'folder address to download from')
    .addHelpText(
      'after',
      `
The folder is STILLHOUSE_DATA, else stillhouse/data in the user's cache folder; recipes find it there as data:NAME/FILE.

Example:
  stillhouse data fetch mnist`,
    )
    .action(async (name: KnownDataset, options: { mirror?: string }) => {
      const onFile = ({ path, bytes, kept }: { path: string; bytes: number; kept: boolean }): void =>
        reportLine(`${kept ? 'kept' : 'downloaded'} ${path} (${grouped(bytes)} bytes)`);
      printLine(await fetchData(name, { ...options, onFile }));
    });
}

function addInspect(data: Command): void {
  data
    .command('inspect [path]')
    .description(
      'Show what is in a file, a pattern of files or a folder: columns or shapes, missing cells, ranges, classes, and a recipe to begin with.',
    )
    .option('--sql <query>', 'inspect what a DuckDB query gives, instead of a path')
    .option('--target <column>', 'column to predict (default: one named y, target, label or class, else the last)')
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
      if (options.json) return printLine(JSON.stringify(inspection));
      for (const line of inspectionLines(inspection)) printLine(line);
    });
}

function addPrepare(data: Command): void {
  data
    .command('prepare <recipe>')
    .description(
      "Read a recipe's data and cut it into blocks, as a run would. Later runs use them, and refuse if a source has changed.",
    )
    .option('--again', 'prepare anew, even if it has been prepared')
    .addOption(setOption())
    .addOption(jsonOption('what was prepared'))
    .addHelpText(
      'after',
      `
Blocks are kept in STILLHOUSE_PREPARED, else in stillhouse/prepared in the user's cache folder. An interrupted call goes on where it was.

Example:
  stillhouse data prepare recipe.yaml`,
    )
    .action(async (path: string, options: { again?: true; set: Record<string, unknown>; json?: true }) => {
      const prepared = await prepare(path, {
        ...options,
        onProgress: ({ set, rows, of }) => reportLine(`data.${set}: ${grouped(rows)} of ${grouped(of)} rows`),
      });
      prepared.warnings.forEach(reportLine);
      printPrepared(prepared, options.json ?? false);
    });
}

export function addData(program: Command): void {
  const data = program.command('data').description('Data sets.');
  addFetch(data);
  addInspect(data);
  addPrepare(data);
}
