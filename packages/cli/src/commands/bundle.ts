// stillhouse bundle: all of Stillhouse in a folder or archive, for machines without a network.
import { Option, type Command } from 'commander';
import { bundle, engineKinds, formatNumber, StillhouseError, type EngineKind } from 'stillhouse';
import { jsonOption } from '../options.js';
import { printLine, reportLine } from '../terminal.js';

/** @throws StillhouseError USAGE */
function parseEngines(text: string): EngineKind[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const kind = engineKinds.find((each) => each === name);
    if (!kind) throw new StillhouseError('USAGE', `${name} is not an engine: there are ${engineKinds.join(', ')}`);
    return kind;
  });
}

interface Options {
  engines?: EngineKind[];
  cudaLibraries: boolean;
  json?: true;
}

export function addBundle(program: Command): void {
  program
    .command('bundle <out>')
    .description(
      'Write Node, Stillhouse and its engines into a folder or archive, for machines without a network that have ' +
        'the same system and type of processor. There, ./stillhouse in the folder runs it.',
    )
    .addOption(
      new Option('--engines <names>', 'engines to take along, such as tensorflow,webgpu; or none')
        .argParser(parseEngines)
        .default(undefined, 'all that are installed here'),
    )
    .addOption(
      new Option(
        '--no-cuda-libraries',
        "leave out NVIDIA's libraries: `stillhouse backend link-cuda` links those of a Python there",
      ),
    )
    .addOption(jsonOption('what was written'))
    .addHelpText(
      'after',
      `
A name that ends in .tar, .tar.gz, .tgz, .tar.xz or .tar.zst is an archive, which tar writes.

Examples:
  stillhouse bundle stillhouse.tar.gz
  stillhouse bundle /mnt/stick/stillhouse --engines none
  stillhouse bundle gpu.tar.zst --engines tensorflow --no-cuda-libraries`,
    )
    .action((out: string, { json, ...options }: Options) => {
      const { path, bytes, engines } = bundle(out, { ...options, onProgress: reportLine });
      if (json) return printLine(JSON.stringify({ path, bytes, engines }));
      const what = engines.map(({ name, version }) => `${name} ${version}`).join(', ') || 'no engines but the built-in';
      printLine(`${path}: ${formatNumber(bytes / 1e6, 3)} MB, with ${what}`);
    });
}
