// Installs the native engine: libtensorflow, the binding's sources, a compiler's run, and a training to prove it.
// Everything happens in a folder of its own that takes its name last, so that an interrupted install leaves no half engine.
import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StillhouseError } from '@stillhouse/core';
import { bindingPackage, bindingVersion, compileBindings, placePackage } from './binding.js';
import { downloadsFolder, engineRevision, enginesFolder, installedEngines, manifestFile, partialEnding, type NativeEngine, type NativeManifest } from './home.js';
import { placeLibraries, sourceFromPath, sourceFromPip, sourceFromPython, type Source } from './sources.js';
import { run } from './tools.js';
import type { Progress } from './wheel.js';

export interface InstallOptions {
  /** A wheel, or a folder that holds libtensorflow and its headers. */
  readonly from?: string;
  /** Install again what is there already. */
  readonly force?: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: Progress;
}

export interface InstallResult {
  readonly engine: NativeEngine;
  readonly fresh: boolean;
  readonly fingerprint: string;
}

/** What a wheel takes: itself, and its libraries unpacked. */
const neededBytes = 1.3e9;

function checkSpace(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < neededBytes) {
    throw new StillhouseError('BACKEND_SPACE', `${folder} has ${((bavail * bsize) / 1e9).toFixed(1)} GB left; the engine needs ${(neededBytes / 1e9).toFixed(1)} GB while it is installed`);
  }
}

/** Trains a small model in a process of its own. */
function verify(folder: string, env: NodeJS.ProcessEnv): string {
  const script = fileURLToPath(new URL('./verify.js', import.meta.url));
  const { status, signal, stdout, stderr } = run(process.execPath, [script, folder], { env });
  if (status === 0) return (JSON.parse(stdout) as { fingerprint: string }).fingerprint;
  throw new StillhouseError('BACKEND_BUILD', `the engine was built but does not train (${signal ?? `exit code ${status}`}): ${(stderr || stdout).trim().split('\n').at(-1) ?? ''}`);
}

function chooseSource({ from, env, tell }: InstallOptions): Source {
  if (from !== undefined) return sourceFromPath(from);
  const python = sourceFromPython();
  if (python) tell(`found TensorFlow ${python.version} in ${python.path}`);
  return python ?? sourceFromPip(downloadsFolder(env), tell);
}

async function build(source: Source, folder: string, options: InstallOptions): Promise<NativeManifest> {
  const { tell } = options;
  const bytes = await placeLibraries(source, folder, tell);
  placePackage(folder, tell);
  compileBindings(folder, tell);
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.tgz'))) rmSync(join(folder, name));
  return { revision: engineRevision, tensorflow: source.version, source: source.path, installedAt: new Date().toISOString(), bytes };
}

/** @throws StillhouseError BACKEND_SOURCE, BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SPACE, BACKEND_BUILD */
export async function installTensorflow(options: InstallOptions): Promise<InstallResult> {
  const { env, tell } = options;
  const [present] = installedEngines(env);
  if (present && !options.force && options.from === undefined) {
    tell(`TensorFlow ${present.manifest.tensorflow} is installed in ${present.folder}`);
    return { engine: present, fresh: false, fingerprint: verify(present.folder, env) };
  }
  const root = enginesFolder(env);
  mkdirSync(root, { recursive: true });
  // What an interrupted install left behind.
  for (const name of readdirSync(root).filter((entry) => entry.endsWith(partialEnding))) rmSync(join(root, name), { recursive: true, force: true });
  const source = chooseSource(options);
  if (source.kind === 'wheel') checkSpace(root);
  const folder = join(root, `${source.version}-${bindingPackage.split('/')[1]}-${bindingVersion}`);
  const partial = `${folder}${partialEnding}`;
  mkdirSync(partial);
  try {
    const manifest = await build(source, partial, options);
    tell('verifying: a small model is trained');
    const fingerprint = verify(partial, env);
    writeFileSync(join(partial, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
    // Only now does an engine that was there before give way.
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    rmSync(downloadsFolder(env), { recursive: true, force: true });
    return { engine: { folder, manifest }, fresh: true, fingerprint };
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}
