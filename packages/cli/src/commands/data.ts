// stillhouse data: well-known data sets, and those of recipes prepared ahead.
import { Argument, type Command } from 'commander';
import {
  dataCacheFolder,
  dataFolders,
  downloadDataset,
  inspectSource,
  knownDatasets,
  prepareDataset,
  preparedFolder,
  sourceOf,
  type Inspection,
  type KnownDataset,
} from '@stillhouse/datasets';
import { StillhouseError } from '@stillhouse/core';
import { stringify } from 'yaml';
import { loadRecipe } from 'stillhouse';
import { alignColumns } from 'stillhouse';
import { jsonOption, setOption } from './options.js';
import { printLine, tellLine } from './terminal.js';

const counted = (labels: Inspection['labels']): string =>
  labels.map(({ text, count }) => `${text} (${count.toLocaleString('en-US')})`).join(', ');

function inspectionLines({ what, rows, columns, inputs, labels, recipe }: Inspection): string[] {
  const facts = columns.map(({ name, type, missing, distinct, min, max, frequent }) => [
    name,
    type,
    missing.toLocaleString('en-US'),
    `${distinct.toLocaleString('en-US')}`,
    frequent.length ? counted(frequent) : `${min ?? '-'} … ${max ?? '-'}`,
  ]);
  return [
    `${what}: ${rows.toLocaleString('en-US')} rows`,
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

export function addData(program: Command): void {
  const data = program.command('data').description('Data sets.');
  data
    .command('fetch')
    .description('Download a well-known data set, verified by hash. Files that are there and right are kept.')
    .addArgument(new Argument('<name>', 'data set').choices(Object.keys(knownDatasets)))
    .option('--mirror <url>', 'folder address to download from')
    .addHelpText(
      'after',
      `
The folder is STILLHOUSE_DATA, else stillhouse/data in the user's cache folder; recipes find it there as data:NAME/FILE.

Example:
  stillhouse data fetch mnist`,
    )
    .action(async (name: KnownDataset, options: { mirror?: string }) => {
      const folder = process.env['STILLHOUSE_DATA'] ?? dataCacheFolder(process.env);
      const target = await downloadDataset(name, folder, {
        ...options,
        onFile: (file, bytes, kept) =>
          tellLine(`${kept ? 'kept' : 'downloaded'} ${file} (${bytes.toLocaleString('en-US')} bytes)`),
      });
      printLine(target);
    });
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
      const places = { recipeFolder: process.cwd(), dataFolders: dataFolders(process.env, process.cwd()) };
      const inspection = await inspectSource(
        path === undefined ? { sql: options.sql! } : sourceOf(path, places),
        places,
        { target: options.target },
      );
      if (options.json) return printLine(JSON.stringify(inspection));
      for (const line of inspectionLines(inspection)) printLine(line);
    });
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
    .action(async (path: string, options: { again?: true; set: string[]; json?: true }) => {
      const { recipe, folder } = await loadRecipe(path, options.set);
      const places = { recipeFolder: folder, dataFolders: dataFolders(process.env, process.cwd()) };
      const dataset = await prepareDataset(recipe, places, {
        folder: preparedFolder(process.env),
        again: options.again ?? false,
        pin: true,
        onProgress: ({ set, rows, of }) =>
          tellLine(`data.${set}: ${rows.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} rows`),
      });
      dataset.warnings.forEach((warning) => tellLine(warning));
      const sets = Object.entries(dataset.manifest.sets).map(([name, set]) => ({
        name,
        rows: set.rowCount,
        blocks: set.blocks.length,
      }));
      if (options.json)
        return printLine(
          JSON.stringify({
            folder: dataset.blocks.path,
            wasThere: dataset.isKept,
            inputs: dataset.manifest.inputShape,
            outputs: dataset.manifest.outputs,
            sets,
          }),
        );
      printLine(
        alignColumns([
          ['', 'rows', 'blocks'],
          ...sets.map(({ name, rows, blocks }) => [name, rows.toLocaleString('en-US'), blocks.toLocaleString('en-US')]),
        ]),
      );
      printLine(`${dataset.isKept ? 'Was prepared already' : 'Prepared'}: ${dataset.blocks.path}`);
    });
}
