// NVIDIA's libraries with an engine: those of a Python on this machine, or of wheels that pip fetches. All are in one
// folder, so that they find each other, and where libtensorflow looks for them: its run path has ../nvidia/PART/lib.
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import {
  cudaOf,
  cudaOfDriver,
  linksFor,
  missingLibraries,
  parts,
  runtimeLibrary,
  wheelsOf13,
  type CudaVersion,
} from './cuda-names.js';
import { gpusOf } from './gpus.js';
import { downloadWithPip, nvidiaOfPython, type Source } from './sources.js';
import type { Progress } from './tools.js';
import { extractEntries, readEntry } from './wheel.js';

const libraryPattern = /^nvidia\/\w+\/lib\/([\w.-]+\.so[\w.]*)$/;
const isLibrary = (path: string): boolean => libraryPattern.test(`nvidia/${path}`);

/** The compiler for XLA, which is not used here. */
const isNeeded = (requirement: string): boolean => !requirement.startsWith('nvidia-cuda-nvcc');
const isRuntime = (requirement: string): boolean => requirement.startsWith('nvidia-cuda-runtime');

/** Requirements such as nvidia-cublas-cu12<13.0,>=12.5.3.2, from a wheel's METADATA. */
export function nvidiaRequirements(metadata: string): string[] {
  return metadata.split('\n').flatMap((line) => {
    const requirement = /^Requires-Dist: (nvidia-[^;]+?)\s*;.*extra == ['"]and-cuda['"]/.exec(line)?.[1];
    return requirement !== undefined && isNeeded(requirement) ? [requirement.replaceAll(' ', '')] : [];
  });
}

const librariesFolder = (engine: string): string => join(engine, 'nvidia', 'lib');

/** The libraries of a Python's folder `nvidia`, by name. */
function librariesBelow(nvidia: string): Map<string, string> {
  const paths = readdirSync(nvidia, { recursive: true, encoding: 'utf8' }).filter(isLibrary);
  return new Map(paths.map((path) => [basename(path), join(nvidia, path)]));
}

const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** What is missing in an engine's folder for TensorFlow to use a GPU. */
export const missingCuda = (engine: string): string[] =>
  missingLibraries(parts.flatMap((part) => namesIn(join(engine, 'nvidia', part, 'lib'))));

/** Puts a link there; it replaces another link, but nothing else. */
function link(target: string, file: string): void {
  const present = lstatSync(file, { throwIfNoEntry: false });
  if (present && !present.isSymbolicLink()) return;
  rmSync(file, { force: true });
  symlinkSync(target, file);
}

/** Gives the libraries of an engine the names and places at which TensorFlow looks for them. */
function layOut(engine: string): void {
  const folder = librariesFolder(engine);
  for (const { name, target } of linksFor(readdirSync(folder))) link(target, join(folder, name));
  for (const part of parts) {
    mkdirSync(join(engine, 'nvidia', part), { recursive: true });
    link(join('..', 'lib'), join(engine, 'nvidia', part, 'lib'));
  }
}

function linkLibraries(libraries: ReadonlyMap<string, string>, engine: string): void {
  mkdirSync(librariesFolder(engine), { recursive: true });
  for (const [name, path] of libraries) link(path, join(librariesFolder(engine), name));
  layOut(engine);
}

/** Extracts the libraries of the wheels that these requirements name. */
async function download(
  requirements: readonly string[],
  { engine, downloads, report }: { engine: string; downloads: string; report: Progress },
): Promise<void> {
  const wheels = join(downloads, 'nvidia');
  downloadWithPip(requirements, { downloads: wheels, report });
  for (const wheel of readdirSync(wheels).filter((name) => name.endsWith('.whl'))) {
    report(`extracting ${wheel}`);
    await extractEntries(join(wheels, wheel), librariesFolder(engine), (path) => libraryPattern.exec(path)?.[1]);
  }
  layOut(engine);
}

/** A folder's libraries, unless they are not all there or are of a later CUDA. */
function usableLibraries(nvidia: string | undefined, newest: CudaVersion): Map<string, string> | undefined {
  const libraries = nvidia === undefined ? undefined : librariesBelow(nvidia);
  const version = libraries && cudaOf([...libraries.keys()]);
  return version !== undefined && version <= newest ? libraries : undefined;
}

const notIn = (nvidia: string, newest: CudaVersion): string =>
  `${nvidia} does not have all libraries that TensorFlow uses, of CUDA ` +
  (newest === 12 ? '12, which the driver has' : '12 or 13');

/**
 * Puts NVIDIA's libraries into an engine's folder: of CUDA 13 if the driver has it, otherwise of CUDA 12, which every
 * driver has that TensorFlow works with.
 * @param source the TensorFlow; if it is a Python's, the libraries next to it are linked
 * @throws StillhouseError BACKEND_SOURCE, BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SPACE
 */
export async function placeCuda(
  source: Source,
  at: { folder: string; downloads: string; env: NodeJS.ProcessEnv; report: Progress },
): Promise<void> {
  const { folder: engine, downloads, env, report } = at;
  const [gpu] = gpusOf(env);
  const newest = gpu ? cudaOfDriver(gpu.driver) : 12;
  if (source.type === 'folder') {
    const beside = join(dirname(source.path), 'nvidia');
    const libraries = usableLibraries(existsSync(beside) ? beside : undefined, newest);
    if (!libraries)
      throw new StillhouseError('BACKEND_SOURCE', notIn(beside, newest), {
        next: 'Install tensorflow[and-cuda] in that Python, or leave out --from.',
      });
    report(`linking the libraries in ${beside}`);
    return linkLibraries(libraries, engine);
  }
  const requirements = nvidiaRequirements(await readEntry(source.path, /\.dist-info\/METADATA$/));
  if (requirements.length === 0)
    throw new StillhouseError(
      'BACKEND_SOURCE',
      `${source.path} lists no CUDA libraries: it is not the build for CUDA`,
      { next: 'Give the wheel named tensorflow, not tensorflow_cpu; it exists for Linux.' },
    );
  const nvidia = nvidiaOfPython();
  const libraries = usableLibraries(nvidia, newest);
  const to = { engine, downloads, report };
  if (libraries) {
    report(`linking the libraries in ${nvidia}`);
    linkLibraries(libraries, engine);
    if (!libraries.has(runtimeLibrary)) await download(requirements.filter(isRuntime), to);
  } else {
    await download(newest === 13 ? [...wheelsOf13, ...requirements.filter(isRuntime)] : requirements, to);
  }
}

/**
 * Links a Python's libraries into an installed engine, which keeps the files that it has.
 * @param nvidia the folder of the packages; by default that of a Python on this machine
 * @returns the folder
 * @throws StillhouseError BACKEND_SOURCE
 */
export function linkCuda(engine: string, env: NodeJS.ProcessEnv, nvidia = nvidiaOfPython()): string {
  if (nvidia === undefined || !existsSync(nvidia))
    throw new StillhouseError('BACKEND_SOURCE', `${nvidia ?? "a Python with NVIDIA's packages"} does not exist here`, {
      next: 'Give the folder nvidia among the packages of a Python; PyTorch and TensorFlow bring it with CUDA.',
    });
  const [gpu] = gpusOf(env);
  const newest = gpu ? cudaOfDriver(gpu.driver) : 13;
  const libraries = usableLibraries(nvidia, newest);
  if (!libraries)
    throw new StillhouseError('BACKEND_SOURCE', notIn(nvidia, newest), {
      next: 'Install tensorflow[and-cuda] or PyTorch with CUDA in that Python.',
    });
  linkLibraries(libraries, engine);
  const missing = missingCuda(engine);
  if (missing.length > 0)
    throw new StillhouseError('BACKEND_SOURCE', `${nvidia} does not have ${missing.join(', ')}`, {
      next: 'Install nvidia-cuda-runtime-cu12 in that Python: TensorFlow needs this one of CUDA 12 in any case.',
    });
  return nvidia;
}
