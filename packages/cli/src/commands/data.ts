// stillhouse data: well-known data sets, and those of recipes prepared ahead.
import { Argument, type Command } from 'commander';
import { dataCacheFolder, dataFolders, downloadDataset, knownDatasets, prepareDataset, preparedFolder, type KnownDataset } from '@stillhouse/datasets';
import { loadRecipe } from '../recipe-file.js';
import { alignColumns } from '../summary.js';
import { jsonOption, setOption } from './options.js';
import { printLine, tellLine } from './terminal.js';

export function addData(program: Command): void {
  const data = program.command('data').description('Data sets.');
  data
    .command('fetch')
    .description('Download a well-known data set, verified by hash. Files that are there and right are kept.')
    .addArgument(new Argument('<name>', 'data set').choices(Object.keys(knownDatasets)))
    .option('--mirror <url>', 'folder address to download from')
    .addHelpText('after', `
The folder is STILLHOUSE_DATA, else stillhouse/data in the user's cache folder; recipes find it there as data:NAME/FILE.

Example:
  stillhouse data fetch mnist`)
    .action(async (name: KnownDataset, options: { mirror?: string }) => {
      const folder = process.env['STILLHOUSE_DATA'] ?? dataCacheFolder(process.env);
      const target = await downloadDataset(name, folder, { ...options, onFile: (file, bytes, kept) => tellLine(`${kept ? 'kept' : 'downloaded'} ${file} (${bytes.toLocaleString('en-US')} bytes)`) });
      printLine(target);
    });
  data
    .command('prepare <recipe>')
    .description("Read a recipe's data and cut it into blocks, as a run would. Later runs use them, and refuse if a source has changed.")
    .option('--again', 'prepare anew, even if it has been prepared')
    .addOption(setOption())
    .addOption(jsonOption('what was prepared'))
    .addHelpText('after', `
Blocks are kept in STILLHOUSE_PREPARED, else in stillhouse/prepared in the user's cache folder. An interrupted call goes on where it was.

Example:
  stillhouse data prepare recipe.yaml`)
    .action(async (path: string, options: { again?: true; set: string[]; json?: true }) => {
      const { recipe, folder } = await loadRecipe(path, options.set);
      const places = { recipeFolder: folder, dataFolders: dataFolders(process.env, process.cwd()) };
      const dataset = await prepareDataset(recipe, places, {
        folder: preparedFolder(process.env), again: options.again ?? false, pin: true,
        onProgress: ({ set, rows, of }) => tellLine(`data.${set}: ${rows.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} rows`),
      });
      dataset.warnings.forEach((warning) => tellLine(warning));
      const sets = Object.entries(dataset.manifest.sets).map(([name, set]) => ({ name, rows: set.rowCount, blocks: set.blocks.length }));
      if (options.json) return printLine(JSON.stringify({ folder: dataset.blocks.path, wasThere: dataset.isKept, inputs: dataset.manifest.inputShape, outputs: dataset.manifest.outputs, sets }));
      printLine(alignColumns([['', 'rows', 'blocks'], ...sets.map(({ name, rows, blocks }) => [name, rows.toLocaleString('en-US'), blocks.toLocaleString('en-US')])]));
      printLine(`${dataset.isKept ? 'Was prepared already' : 'Prepared'}: ${dataset.blocks.path}`);
    });
}
