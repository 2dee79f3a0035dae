// What this machine has, and which backends work on it.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { installedEngines } from '@stillhouse/native';

export interface BackendState {
  readonly name: 'tensorflow' | 'wasm' | 'cpu';
  readonly usable: boolean;
  /** What it is, or why it is not usable and what to do. */
  readonly detail: string;
}

export interface Machine {
  readonly platform: string;
  readonly node: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly memoryBytes: number;
  /** As the driver tells; empty without one. */
  readonly gpus: readonly { readonly name: string; readonly memory: string; readonly driver: string }[];
  readonly backends: readonly BackendState[];
}

function gpus(): Machine['gpus'] {
  const { status, stdout } = spawnSync('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'], { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return [];
  return stdout.trim().split('\n').map((line) => {
    const [name, memory, driver] = line.split(',').map((cell) => cell.trim());
    return { name, memory, driver };
  });
}

/** In the order in which `--backend auto` takes them. */
function backends(): BackendState[] {
  const [engine] = installedEngines(process.env);
  return [
    engine
      ? { name: 'tensorflow', usable: true, detail: `TensorFlow ${engine.manifest.tensorflow} in ${engine.folder}` }
      : { name: 'tensorflow', usable: false, detail: 'not installed: run `stillhouse backend install tensorflow`' },
    { name: 'wasm', usable: true, detail: 'embedded, one thread per worker' },
    { name: 'cpu', usable: true, detail: 'embedded, plain JavaScript; slow' },
  ];
}

export function inspectMachine(): Machine {
  return {
    platform: `${process.platform} ${process.arch}`, node: process.versions.node,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() }, memoryBytes: totalmem(), gpus: gpus(), backends: backends(),
  };
}
