// stillhouse data fetch: well-known data sets, verified by hash.
import { Argument, type Command } from 'commander';
import { dataCacheFolder, downloadDataset, knownDatasets, type KnownDataset } from '@stillhouse/datasets';
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
}
