// stillhouse backend: installs and lists engines.  stillhouse doctor: what this machine has.
import { Argument, Option, type Command } from 'commander';
import { installTensorflow } from '@stillhouse/native';
import { inspectMachine, type BackendState } from '../machine.js';
import { alignColumns } from '../summary.js';
import { jsonOption } from './options.js';
import { printLine, tellLine } from './terminal.js';

const backendTable = (backends: readonly BackendState[]): string => alignColumns(backends.map(({ name, usable, detail }) => [name, usable ? 'usable' : 'not usable', detail]), ['left', 'left', 'left']);

export function addBackend(program: Command): void {
  const backend = program.command('backend').description('Engines on this machine.');
  backend
    .command('install')
    .description("Install TensorFlow's native engine into the user's cache: needs a C++ compiler, npm, and pip or a wheel. Safe to interrupt and to repeat.")
    .addArgument(new Argument('<name>', 'engine').choices(['tensorflow']))
    .addOption(new Option('--from <path>', 'a TensorFlow wheel, or a folder with libtensorflow and include/, instead of pip'))
    .addOption(new Option('--force', 'install again what is there'))
    .addOption(jsonOption('what was installed'))
    .addHelpText('after', `
The folder is STILLHOUSE_CACHE, else stillhouse in the user's cache folder.

Examples:
  stillhouse backend install tensorflow
  stillhouse backend install tensorflow --from tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl`)
    .action(async (_name: string, options: { from?: string; force?: true; json?: true }) => {
      const { engine, fresh, fingerprint } = await installTensorflow({ ...options, env: process.env, tell: tellLine });
      if (options.json) return printLine(JSON.stringify({ folder: engine.folder, ...engine.manifest, fresh, fingerprint }));
      printLine(`${fresh ? 'installed' : 'works'}: ${fingerprint}\n${engine.folder}`);
    });
  backend
    .command('list')
    .description('List the backends and whether this machine can use them, in the order in which `--backend auto` tries them.')
    .addOption(jsonOption('the list'))
    .action((options: { json?: true }) => {
      const { backends } = inspectMachine();
      printLine(options.json ? JSON.stringify(backends) : backendTable(backends));
    });
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Say what this machine has: processor, memory, GPUs, Node, backends.')
    .addOption(jsonOption('it'))
    .action((options: { json?: true }) => {
      const machine = inspectMachine();
      if (options.json) return printLine(JSON.stringify(machine));
      const gpus = machine.gpus.length ? machine.gpus.map((gpu) => `${gpu.name}, ${gpu.memory}, driver ${gpu.driver}`).join('; ') : 'none that nvidia-smi knows';
      printLine(alignColumns([
        ['system', machine.platform], ['node', machine.node], ['processor', `${machine.cpu.model}, ${machine.cpu.cores} cores`],
        ['memory', `${(machine.memoryBytes / 1e9).toFixed(1)} GB`], ['gpus', gpus],
      ], ['left', 'left']));
      printLine(`\n${backendTable(machine.backends)}`);
    });
}
