// Where libtensorflow comes from: a path given by the user, a TensorFlow in a Python of this machine, or a wheel that pip fetches.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { findTool, missingTool, run } from './tools.js';
import { extractWheel, type Progress } from './wheel.js';

/** The version that was tried with the binding. */
export const pinnedVersion = '2.21.0';

export type Source =
  | { readonly kind: 'wheel'; readonly path: string; readonly version: string }
  /** A folder with the libraries and, in include/, the headers. */
  | { readonly kind: 'folder'; readonly path: string; readonly version: string };

const libraries = ['libtensorflow_cc', 'libtensorflow_framework'];
/** Names of TensorFlow's libraries in a folder. */
export const librariesIn = (folder: string): string[] => readdirSync(folder).filter((name) => libraries.some((library) => name.startsWith(`${library}.`)));

/** @throws StillhouseError BACKEND_SOURCE */
export function sourceFromPath(path: string): Source {
  const full = resolve(path);
  if (!existsSync(full)) throw new StillhouseError('BACKEND_SOURCE', `${path} does not exist`);
  if (statSync(full).isFile()) {
    const version = /tensorflow[\w]*-(\d+\.\d+\.\d+)/.exec(full)?.[1];
    if (!full.endsWith('.whl') || !version) throw new StillhouseError('BACKEND_SOURCE', `${path} is not named like a TensorFlow wheel`);
    return { kind: 'wheel', path: full, version };
  }
  if (librariesIn(full).length < 2 || !existsSync(join(full, 'include', 'tensorflow', 'c', 'c_api.h'))) {
    throw new StillhouseError('BACKEND_SOURCE', `${path} holds no libtensorflow_cc, libtensorflow_framework and include/tensorflow/c/c_api.h`);
  }
  return { kind: 'folder', path: full, version: versionOfHeaders(full) };
}

/** The version that the headers state, or 'unknown'. */
function versionOfHeaders(folder: string): string {
  const header = ['tensorflow/core/public/release_version.h', 'tensorflow/core/public/version.h'].map((name) => join(folder, 'include', name)).find((file) => existsSync(file));
  const numbers = header ? ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`define TF_${part}_VERSION (\\d+)`).exec(readFileSync(header, 'utf8'))?.[1]) : [];
  return numbers.length === 3 && numbers.every((number) => number !== undefined) ? numbers.join('.') : 'unknown';
}

const findScript = "import importlib.util as u, importlib.metadata as m, os; s = u.find_spec('tensorflow'); d = next((n for n in ('tensorflow', 'tensorflow-cpu', 'tensorflow-intel') if any(True for x in m.distributions() if x.metadata['Name'] == n)), None); print(os.path.dirname(s.origin), m.version(d)) if s and s.origin and d else None";

/** A TensorFlow that is installed in a Python of this machine, found without importing it. */
export function sourceFromPython(): Source | undefined {
  for (const python of ['python3', 'python']) {
    const [path, version] = run(python, ['-c', findScript]).stdout?.trim().split(' ') ?? [];
    if (path && version && existsSync(path) && librariesIn(path).length >= 2) return { kind: 'folder', path, version };
  }
  return undefined;
}

/**
 * Fetches the pinned wheel with pip into `downloads`; one that is there already is taken.
 * @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD
 */
export function sourceFromPip(downloads: string, tell: Progress): Source {
  const wheelIn = (): string | undefined => (existsSync(downloads) ? readdirSync(downloads).find((name) => name.endsWith('.whl') && name.includes(`-${pinnedVersion}-`)) : undefined);
  const kept = wheelIn();
  if (kept) {
    tell(`found ${kept}, downloaded before`);
    return { kind: 'wheel', path: join(downloads, kept), version: pinnedVersion };
  }
  const python = findTool('python');
  if (run(python, ['-m', 'pip', '--version']).status !== 0) throw missingTool('python', 'Python is there without pip');
  const name = process.platform === 'linux' && process.arch === 'x64' ? 'tensorflow-cpu' : 'tensorflow';
  tell(`downloading ${name} ${pinnedVersion} with pip (about 270 MB)`);
  mkdirSync(downloads, { recursive: true });
  // pip puts the file there once it is whole.
  const { status, stderr } = run(python, ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--quiet', '--disable-pip-version-check', '--dest', downloads, `${name}==${pinnedVersion}`]);
  const wheel = wheelIn();
  if (status !== 0 || !wheel) throw new StillhouseError('BACKEND_DOWNLOAD', `pip could not fetch ${name} ${pinnedVersion}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return { kind: 'wheel', path: join(downloads, wheel), version: pinnedVersion };
}

/** Puts libraries and headers of a source into an engine's folder; a folder's are linked. Returns the bytes that it took. */
export async function placeLibraries(source: Source, folder: string, tell: Progress): Promise<number> {
  if (source.kind === 'wheel') return extractWheel(source.path, folder, tell);
  for (const name of librariesIn(source.path)) {
    tell(`linking ${name} of ${source.path}`);
    symlinkSync(join(source.path, name), join(folder, name));
  }
  symlinkSync(join(source.path, 'include'), join(folder, 'include'));
  return 0;
}
