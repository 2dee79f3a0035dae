// Installs engines: gets the library, builds what connects it to TFJS, and trains a small model to prove it.
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { StillhouseError } from '@stillhouse/core';
import { bindingPackage, bindingVersion, compileBindings, placePackage } from './binding.js';
import { placeCuda } from './cuda.js';
import { architectureOf } from './fatbin.js';
import { gpusOf } from './gpus.js';
import {
  downloadsFolder,
  enginesFolder,
  installedEngines,
  placeEngine,
  type EngineKind,
  type InstalledEngine,
} from './home.js';
import { pruneLibrary } from './prune.js';
import {
  librariesIn,
  placeLibraries,
  sourceFromPath,
  sourceFromPip,
  sourceFromPython,
  type Source,
} from './sources.js';
import type { Progress } from './tools.js';
import { tryEngine } from './try-engine.js';
import { onnxVersion, placeOnnx } from './onnx-packages.js';
import { noGpuHint, placeWebgpu, webgpuVersion, webgpuBackendVersion } from './webgpu-packages.js';

export interface InstallOptions {
  /** For TensorFlow: a wheel, or a folder with libtensorflow and its headers. */
  readonly from?: string;
  /** For TensorFlow: with NVIDIA's libraries. */
  readonly cuda?: boolean;
  /** With `cuda`: leaves out the code for other GPUs than those of this machine, or than those given. */
  readonly onlyGpus?: 'here' | readonly string[];
  /** Install again even if it is installed already. */
  readonly force?: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Progress;
}

export interface InstallResult {
  readonly engine: InstalledEngine;
  readonly fresh: boolean;
  readonly fingerprint: string;
}

/** The most space that an install takes, downloads included. */
const neededBytes = { tensorflow: 1.3e9, cuda: 8e9, webgpu: 0.4e9, onnx: 0.7e9 };

function checkSpace(folder: string, needed: number): void {
  mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < needed) {
    throw new StillhouseError(
      'BACKEND_SPACE',
      `${folder} has ${((bavail * bsize) / 1e9).toFixed(1)} GB left; the engine needs ` +
        `${(needed / 1e9).toFixed(1)} GB while it is being installed`,
    );
  }
}

/** @throws StillhouseError BACKEND_BUILD */
function verify(kind: EngineKind, folder: string, { env, report }: InstallOptions): string {
  report('verifying: running a small model');
  const tried = tryEngine(kind, folder, env);
  if ('fingerprint' in tried) return tried.fingerprint;
  throw new StillhouseError(
    'BACKEND_BUILD',
    `the ${kind} engine was installed but does not work: ${tried.reason}`,
    kind === 'webgpu' ? { next: noGpuHint } : {},
  );
}

const diskBlockBytes = 512;

/** Bytes that a folder's own files take on the disk, without linked ones. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).blocks * diskBlockBytes : 0),
    0,
  );
}

/**
 * Compute capabilities of the GPUs that an engine should have code for; undefined for all.
 * @throws StillhouseError USAGE
 */
function capabilitiesOf({ onlyGpus, cuda, env }: InstallOptions): string[] | undefined {
  if (onlyGpus === undefined) return undefined;
  if (!cuda) throw new StillhouseError('USAGE', '--only-this-gpu and --only-gpu need --cuda');
  const given = onlyGpus === 'here' ? gpusOf(env).map(({ computeCapability }) => computeCapability) : onlyGpus;
  if (given.length === 0)
    throw new StillhouseError('USAGE', 'this machine has no GPU that nvidia-smi names', {
      next: 'Give the compute capability of the GPU with --only-gpu, for example 9.0 for an H100.',
    });
  const wrong = given.find((capability) => architectureOf(capability) === undefined);
  if (wrong !== undefined) throw new StillhouseError('USAGE', `${wrong} is not a compute capability such as 9.0`);
  return [...new Set(given)].sort();
}

/** Leaves out what GPUs other than these need. */
function prune(folder: string, capabilities: readonly string[], report: Progress): void {
  const lib = join(folder, 'lib');
  for (const name of librariesIn(lib)) {
    const bytes = pruneLibrary(
      join(lib, name),
      capabilities.map((capability) => architectureOf(capability)!),
    );
    report(`left out ${(bytes / 1e6).toFixed(0)} MB of ${name}`);
  }
}

async function install(
  kind: EngineKind,
  options: InstallOptions,
  prepare: () => { name: string; version: string; source: string; build: (folder: string) => Promise<void> },
): Promise<InstallResult> {
  const { env, report, force, from, cuda = false } = options;
  const onlyGpus = capabilitiesOf(options);
  const present = installedEngines(env, kind).find(
    ({ manifest }) => (!cuda || manifest.cuda) && (!onlyGpus || isDeepStrictEqual(onlyGpus, manifest.onlyGpus)),
  );
  if (present && !force && from === undefined) {
    report(`${kind} ${present.manifest.version} is installed in ${present.folder}`);
    return { engine: present, fresh: false, fingerprint: verify(kind, present.folder, options) };
  }
  const { name, version, source, build } = prepare();
  let fingerprint = '';
  const engine = await placeEngine({ env, kind, name }, async (folder) => {
    await build(folder);
    fingerprint = verify(kind, folder, options);
    return { version, source, cuda, bytes: sizeOf(folder), ...(onlyGpus ? { onlyGpus } : {}) };
  });
  report(`${kind} ${version} takes ${(engine.manifest.bytes / 1e6).toFixed(0)} MB in ${engine.folder}`);
  return { engine, fresh: true, fingerprint };
}

function chooseSource({ from, cuda, env, report }: InstallOptions): Source {
  if (cuda && from !== undefined && basename(from).startsWith('tensorflow_cpu'))
    throw new StillhouseError('BACKEND_SOURCE', `${from} was built without CUDA`, {
      next: 'Give the wheel named tensorflow-VERSION for Linux, or leave out --from.',
    });
  if (from !== undefined) return sourceFromPath(from);
  // An installed TensorFlow may have been built without CUDA; the wheel for CUDA certainly has it.
  const python = cuda ? undefined : sourceFromPython();
  if (python) report(`found TensorFlow ${python.version} in ${python.path}`);
  return python ?? sourceFromPip({ downloads: downloadsFolder(env), cuda: cuda ?? false, report });
}

/** @throws StillhouseError BACKEND_SOURCE, BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SPACE, BACKEND_BUILD */
async function installTensorflow(options: InstallOptions): Promise<InstallResult> {
  const { env, report, cuda } = options;
  const result = await install('tensorflow', options, () => {
    const source = chooseSource(options);
    if (source.type === 'wheel')
      checkSpace(enginesFolder(env, 'tensorflow'), cuda ? neededBytes.cuda : neededBytes.tensorflow);
    const build = async (folder: string): Promise<void> => {
      await placeLibraries(source, folder, report);
      if (cuda) await placeCuda(source, { folder, downloads: downloadsFolder(env), env, report });
      const onlyGpus = capabilitiesOf(options);
      if (onlyGpus) prune(folder, onlyGpus, report);
      placePackage(folder, report);
      compileBindings(folder, report);
    };
    return {
      name: `${source.version}${cuda ? '-cuda' : ''}-${bindingPackage.split('/')[1]}-${bindingVersion}`,
      version: source.version,
      source: source.path,
      build,
    };
  });
  rmSync(downloadsFolder(env), { recursive: true, force: true });
  return result;
}

/** @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SPACE, BACKEND_BUILD */
function installWebgpu(options: InstallOptions): Promise<InstallResult> {
  return install('webgpu', options, () => {
    checkSpace(enginesFolder(options.env, 'webgpu'), neededBytes.webgpu);
    return {
      name: `${webgpuVersion}-tfjs-${webgpuBackendVersion}`,
      version: webgpuVersion,
      source: 'npm',
      build: async (folder) => placeWebgpu(folder, options.report),
    };
  });
}

/** @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SPACE, BACKEND_BUILD */
function installOnnx(options: InstallOptions): Promise<InstallResult> {
  return install('onnx', options, () => {
    checkSpace(enginesFolder(options.env, 'onnx'), neededBytes.onnx);
    return {
      name: onnxVersion,
      version: onnxVersion,
      source: 'npm',
      build: async (folder) => placeOnnx(folder, options.report),
    };
  });
}

export interface EngineInstaller {
  /** The library's own name. */
  readonly title: string;
  /** Whether there are several builds of it: `from` and `cuda` choose one. */
  readonly hasBuilds: boolean;
  readonly install: (options: InstallOptions) => Promise<InstallResult>;
}

/** How each kind of engine is installed. */
export const engineInstallers: Readonly<Record<EngineKind, EngineInstaller>> = {
  tensorflow: { title: 'TensorFlow', hasBuilds: true, install: installTensorflow },
  webgpu: { title: 'Dawn', hasBuilds: false, install: installWebgpu },
  onnx: { title: 'ONNX Runtime', hasBuilds: false, install: installOnnx },
};
