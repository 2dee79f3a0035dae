// Backends on this machine: which can be used, and the installation of those that are not built in.
import {
  engineKinds,
  installedEngines,
  installOnnx,
  installTensorflow,
  installWebgpu,
  tryEngine,
  type EngineKind,
} from '@stillhouse/native';
import { StillhouseError } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker/light';

export interface BackendState {
  readonly name: Exclude<BackendName, 'auto'> | 'onnx';
  readonly usable: boolean;
  /** What it is, or why it is not usable and what to do. */
  readonly detail: string;
}

function engineState(kind: EngineKind, what: string): BackendState {
  const [engine] = installedEngines(process.env, kind);
  if (!engine)
    return { name: kind, usable: false, detail: `not installed: run \`stillhouse backend install ${kind}\`` };
  const { version, cuda } = engine.manifest;
  const name = `${what} ${version}${cuda ? ' with CUDA' : ''} in ${engine.folder}`;
  const tried = tryEngine(kind, engine.folder, process.env);
  return 'fingerprint' in tried
    ? { name: kind, usable: true, detail: `${tried.fingerprint}; ${name}` }
    : { name: kind, usable: false, detail: `${tried.reason}; ${name}` };
}

/** The backends in the order in which `auto` tries them; then the engines that only run pretrained teachers. */
export function listBackends(): BackendState[] {
  return [
    engineState('tensorflow', 'TensorFlow'),
    engineState('webgpu', 'Dawn'),
    { name: 'wasm', usable: true, detail: 'built in, one thread per worker' },
    { name: 'cpu', usable: true, detail: 'embedded, plain JavaScript; slow' },
    engineState('onnx', 'ONNX Runtime, only for teachers,'),
  ];
}

export { engineKinds, type EngineKind };

export interface InstallBackendOptions {
  /** For tensorflow: a TensorFlow wheel, or a folder with libtensorflow and include/, instead of pip. */
  readonly from?: string | undefined;
  /** For tensorflow: the build for NVIDIA's GPUs, with NVIDIA's libraries (3 GB to download). */
  readonly cuda?: boolean | undefined;
  /** Installs again even if it is installed. */
  readonly force?: boolean | undefined;
  /** Called with what is being done, line by line. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface InstalledBackend {
  readonly name: EngineKind;
  readonly folder: string;
  readonly version: string;
  /** Where its libraries came from. */
  readonly source: string;
  readonly installedAt: string;
  readonly bytes: number;
  readonly cuda: boolean;
  /** Whether this call installed it; otherwise it was installed already. */
  readonly isFresh: boolean;
  readonly fingerprint: string;
}

/**
 * Installs an engine into the user's cache (STILLHOUSE_CACHE, or else stillhouse in the user's cache folder). Safe to
 * interrupt and to repeat.
 * @throws StillhouseError USAGE, BACKEND_…
 */
export async function installBackend(name: EngineKind, options: InstallBackendOptions = {}): Promise<InstalledBackend> {
  const { from, cuda, force, onProgress } = options;
  if (name !== 'tensorflow' && (from !== undefined || cuda))
    throw new StillhouseError('USAGE', '--from and --cuda are for tensorflow');
  const install = { tensorflow: installTensorflow, webgpu: installWebgpu, onnx: installOnnx }[name];
  const { engine, fresh, fingerprint } = await install({
    ...(from === undefined ? {} : { from }),
    cuda: cuda ?? false,
    force: force ?? false,
    env: process.env,
    report: (line) => onProgress?.(line),
  });
  const { version, source, installedAt, bytes } = engine.manifest;
  return {
    name,
    folder: engine.folder,
    version,
    source,
    installedAt,
    bytes,
    cuda: engine.manifest.cuda,
    isFresh: fresh,
    fingerprint,
  };
}
