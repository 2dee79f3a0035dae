// stillhouse backend: installs and lists engines.  stillhouse doctor: what this machine has.
import { Argument, Option, type Command } from 'commander';
import {
  doctor,
  engineKinds,
  formatNumber,
  installBackend,
  linkCudaLibraries,
  listBackends,
  type BackendState,
  type EngineKind,
} from 'stillhouse';
import { jsonOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine } from '../terminal.js';

const backendTable = (backends: readonly BackendState[]): string =>
  alignColumns(
    backends.map(({ name, usable, detail }) => [name, usable ? 'usable' : 'not usable', detail]),
    ['left', 'left', 'left'],
  );

const gigabytes = (bytes: number): string => formatNumber(bytes / 1e9, 3);

function clockNote(synchronised: boolean | undefined): string {
  if (synchronised === undefined) return 'synchronisation unknown; it affects only timestamps in logs, not training';
  return synchronised ? 'synchronised' : 'not synchronised: timestamps in the logs of several machines will not agree';
}

interface InstallCommand {
  from?: string;
  cuda?: true;
  onlyThisGpu?: true;
  onlyGpu?: string;
  force?: true;
  json?: true;
}

function addInstall(backend: Command): void {
  backend
    .command('install')
    .description(
      "Install an engine into the user's cache. tensorflow is TensorFlow's library and needs a C++ compiler, " +
        'npm, and pip or a wheel; webgpu is for GPUs without CUDA and needs npm; onnx is ONNX Runtime, which ' +
        'runs pretrained teachers but cannot train, and needs npm. Safe to interrupt and to repeat.',
    )
    .addArgument(new Argument('<name>', 'engine').choices(engineKinds))
    .addOption(
      new Option(
        '--from <path>',
        'for tensorflow: a TensorFlow wheel, or a folder with libtensorflow and include/, instead of pip',
      ),
    )
    .addOption(
      new Option(
        '--cuda',
        "for tensorflow: the build for NVIDIA's GPUs, with NVIDIA's libraries: linked from a Python here that has " +
          'them, or else 2 to 3 GB to download',
      ),
    )
    .addOption(
      new Option('--only-this-gpu', "with --cuda: leave out code for other GPUs than this machine's").conflicts(
        'onlyGpu',
      ),
    )
    .addOption(
      new Option('--only-gpu <capabilities>', 'with --cuda: the same for GPUs of these compute capabilities: 8.0,9.0'),
    )
    .addOption(new Option('--force', 'install again even if it is installed'))
    .addOption(jsonOption('what was installed'))
    .addHelpText(
      'after',
      `
The folder is STILLHOUSE_CACHE, or else stillhouse in the user's cache folder.

Examples:
  stillhouse backend install tensorflow
  stillhouse backend install tensorflow --cuda
  stillhouse backend install tensorflow --cuda --only-this-gpu
  stillhouse backend install webgpu
  stillhouse backend install onnx
  stillhouse backend install tensorflow --from tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl`,
    )
    .action(async (name: EngineKind, options: InstallCommand) => {
      const { json, onlyThisGpu, onlyGpu, ...install } = options;
      const onlyGpus = onlyThisGpu ? 'here' : onlyGpu?.split(',');
      const { isFresh, ...installed } = await installBackend(name, { ...install, onlyGpus, onProgress: reportLine });
      if (json) return printLine(JSON.stringify({ ...installed, fresh: isFresh }));
      printLine(`${isFresh ? 'installed' : 'works'}: ${installed.fingerprint}\n${installed.folder}`);
    });
}

function addLinkCuda(backend: Command): void {
  backend
    .command('link-cuda')
    .description(
      "Link NVIDIA's libraries of a Python on this machine into TensorFlow's engine, which came here without them.",
    )
    .argument('[folder]', "the folder `nvidia` among a Python's packages; by default that of python3")
    .addOption(jsonOption('the engine'))
    .addHelpText(
      'after',
      `
PyTorch and TensorFlow bring these libraries, of CUDA 12 or 13, into a Python's packages.

Examples:
  stillhouse backend link-cuda
  stillhouse backend link-cuda /opt/venv/lib/python3.12/site-packages/nvidia`,
    )
    .action((folder: string | undefined, options: { json?: true }) => {
      const { nvidia, engine } = linkCudaLibraries(folder);
      if (options.json) return printLine(JSON.stringify({ ...engine, nvidia }));
      printLine(`linked: ${nvidia}\n${engine.detail}`);
    });
}

function addListBackends(backend: Command): void {
  backend
    .command('list')
    .description(
      'List the backends and whether this machine can use them, in the order in which `--backend auto` tries ' +
        'them; then the engines that only run pretrained teachers.',
    )
    .addOption(jsonOption('the list'))
    .addHelpText('after', '\nExample:\n  stillhouse backend list')
    .action((options: { json?: true }) => {
      const backends = listBackends();
      printLine(options.json ? JSON.stringify(backends) : backendTable(backends));
    });
}

export function addBackend(program: Command): void {
  const backend = program.command('backend').description('Engines on this machine.');
  addInstall(backend);
  addLinkCuda(backend);
  addListBackends(backend);
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Show what this machine has: processor, memory, GPUs, Node, backends, and whether its ports and clock ' +
        'can be used.',
    )
    .addOption(jsonOption('what was found'))
    .addHelpText('after', '\nExample:\n  stillhouse doctor')
    .action(async (options: { json?: true }) => {
      const machine = await doctor();
      if (options.json) return printLine(JSON.stringify(machine));
      const gpus = machine.gpus.length
        ? machine.gpus.map((gpu) => `${gpu.name}, ${gpu.memory}, driver ${gpu.driver}`).join('; ')
        : 'no NVIDIA GPU (nvidia-smi does not answer); other GPUs appear as webgpu';
      printLine(
        alignColumns(
          [
            ['system', machine.platform],
            ['node', machine.node],
            ['processor', `${machine.cpu.model}, ${machine.cpu.cores} cores`],
            ['memory', `${gigabytes(machine.memory.bytes)} GB, ${gigabytes(machine.memory.freeBytes)} GB free`],
            ['gpus', gpus],
            ...(machine.gpus.length > 0 && machine.whyNoGpu !== undefined ? [['', machine.whyNoGpu]] : []),
            [
              'ports',
              machine.ports.usable
                ? `a worker can listen on ${machine.ports.addresses.join(', ')}`
                : `cannot listen: ${machine.ports.reason}`,
            ],
            ['clock', `${machine.clock.now}, ${machine.clock.timeZone}; ${clockNote(machine.clock.synchronised)}`],
          ],
          ['left', 'left'],
        ),
      );
      printLine(`\n${backendTable(machine.backends)}`);
    });
}
