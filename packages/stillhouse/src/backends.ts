// Backends on this machine: which can be used, and the installation of those that are not built in.
import {
  engineInstallers,
  engineKinds,
  installedEngines,
  linkCuda,
  tryEngine,
  type EngineKind,
} from '@stillhouse/native';
import { StillhouseError } from '@stillhouse/core';
import { backends, concreteBackendNames, type ConcreteBackendName } from '@stillhouse/worker/light';

export interface BackendState {
  readonly name: ConcreteBackendName | EngineKind;
  readonly usable: boolean;
  /** Whether it computes on a GPU. */
  readonly onGpu: boolean;
  /** What it is, or why it is not usable and what to do. */
  readonly detail: string;
}

type EngineState = Omit<BackendState, 'name'>;

/** @param use what it is for, if not for training */
function stateOf(kind: EngineKind, use = ''): EngineState {
  const [engine] = installedEngines(process.env, kind);
  if (!engine)
    return { usable: false, onGpu: false, detail: `not installed: run \`stillhouse backend install ${kind}\`` };
  const { version, cuda } = engine.manifest;
  const what = `${engineInstallers[kind].title}${use} ${version}${cuda ? ' with CUDA' : ''} in ${engine.folder}`;
  const tried = tryEngine(kind, engine.folder, process.env);
  return 'fingerprint' in tried
    ? { usable: true, onGpu: tried.isOnGpu, detail: `${tried.fingerprint}; ${what}` }
    : { usable: false, onGpu: false, detail: `${tried.reason}; ${what}` };
}

/** The backends in the order in which `auto` tries them; then the engines that only run pretrained teachers. */
export function listBackends(): BackendState[] {
  const entries = concreteBackendNames.map((name) => ({ name, ...backends[name] }));
  const others = engineKinds.filter((kind) => !entries.some(({ engine }) => engine === kind));
  return [
    ...entries.map((entry) => ({
      name: entry.name,
      ...(entry.engine === undefined ? { usable: true, onGpu: false, detail: entry.detail } : stateOf(entry.engine)),
    })),
    ...others.map((kind) => ({ name: kind, ...stateOf(kind, ', only for teachers,') })),
  ];
}

export { engineKinds, type EngineKind };

export interface InstallBackendOptions {
  /** For tensorflow: a TensorFlow wheel, or a folder with libtensorflow and include/, instead of pip. */
  readonly from?: string | undefined;
  /**
   * For tensorflow: the build for NVIDIA's GPUs, with NVIDIA's libraries: those of a Python on this machine, or else 2
   * to 3 GB to download.
   */
  readonly cuda?: boolean | undefined;
  /**
   * With `cuda`: leaves out code for other GPUs than this machine's ('here'), or than those of these compute
   * capabilities, such as 9.0.
   */
  readonly onlyGpus?: 'here' | readonly string[] | undefined;
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
  const { from, cuda, onlyGpus, force, onProgress } = options;
  const { hasBuilds, install } = engineInstallers[name];
  if (!hasBuilds && (from !== undefined || cuda))
    throw new StillhouseError('USAGE', `--from and --cuda are not for ${name}`);
  const { engine, fresh, fingerprint } = await install({
    ...(from === undefined ? {} : { from }),
    ...(onlyGpus === undefined ? {} : { onlyGpus }),
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

/**
 * Links NVIDIA's libraries of a Python on this machine into TensorFlow's engine, which came without them.
 * @param nvidia the folder `nvidia` among that Python's packages; by default that of python3
 * @returns that folder, and the engine as this machine can use it
 * @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_SOURCE
 */
export function linkCudaLibraries(nvidia?: string): { readonly nvidia: string; readonly engine: BackendState } {
  const [engine] = installedEngines(process.env, 'tensorflow');
  if (!engine?.manifest.cuda)
    throw new StillhouseError('BACKEND_UNAVAILABLE', 'no TensorFlow with CUDA is installed', {
      next: 'Run `stillhouse backend install tensorflow --cuda`.',
    });
  const linked = linkCuda(engine.folder, process.env, nvidia);
  return { nvidia: linked, engine: { name: 'tensorflow', ...stateOf('tensorflow') } };
}
