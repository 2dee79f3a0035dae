// Where libtensorflow comes from: a path given by the user, a TensorFlow in a Python of this machine, or a wheel that
// pip fetches.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { findTool, missingTool, run, runStep, type Progress } from './tools.js';
import { extractEntries, placeOf } from './wheel.js';

/** The version that was tested with the binding. */
export const pinnedVersion = '2.21.0';

export type Source =
  | { readonly type: 'wheel'; readonly path: string; readonly version: string }
  /** A folder with include/ and, in `libraries`, libtensorflow. */
  | { readonly type: 'folder'; readonly path: string; readonly libraries: string; readonly version: string };

const libraryNames = ['libtensorflow_cc', 'libtensorflow_framework'];
/** Names of TensorFlow's libraries in a folder. */
export const librariesIn = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : []).filter((name) =>
    libraryNames.some((library) => name.startsWith(`${library}.`)),
  );

/** @throws StillhouseError BACKEND_SOURCE */
export function sourceFromPath(path: string): Source {
  const full = resolve(path);
  if (!existsSync(full)) throw new StillhouseError('BACKEND_SOURCE', `${path} does not exist`);
  if (statSync(full).isFile()) {
    const version = /tensorflow[\w]*-(\d+\.\d+\.\d+)/.exec(full)?.[1];
    if (!full.endsWith('.whl') || !version)
      throw new StillhouseError('BACKEND_SOURCE', `${path} does not have the name of a TensorFlow wheel`);
    return { type: 'wheel', path: full, version };
  }
  const libraries = [full, join(full, 'lib')].find((folder) => librariesIn(folder).length >= 2);
  if (libraries === undefined || !existsSync(join(full, 'include', 'tensorflow', 'c', 'c_api.h'))) {
    throw new StillhouseError(
      'BACKEND_SOURCE',
      `${path} does not contain libtensorflow_cc, libtensorflow_framework and include/tensorflow/c/c_api.h`,
    );
  }
  return { type: 'folder', path: full, libraries, version: versionOfHeaders(full) };
}

/** The version that the headers state, or 'unknown'. */
function versionOfHeaders(folder: string): string {
  const header = ['tensorflow/core/public/release_version.h', 'tensorflow/core/public/version.h']
    .map((name) => join(folder, 'include', name))
    .find((file) => existsSync(file));
  const numbers = header
    ? ['MAJOR', 'MINOR', 'PATCH'].map(
        (part) => new RegExp(`define TF_${part}_VERSION (\\d+)`).exec(readFileSync(header, 'utf8'))?.[1],
      )
    : [];
  return numbers.length === 3 && numbers.every((number) => number !== undefined) ? numbers.join('.') : 'unknown';
}

const findScript =
  "import importlib.util as u, importlib.metadata as m, os; s = u.find_spec('tensorflow'); d = next((n for n " +
  "in ('tensorflow', 'tensorflow-cpu', 'tensorflow-intel') if any(True for x in m.distributions() if " +
  "x.metadata['Name'] == n)), None); print(os.path.dirname(s.origin), m.version(d)) if s and s.origin and d " +
  'else None';

/** A TensorFlow that is installed in a Python of this machine, found without importing it. */
export function sourceFromPython(): Source | undefined {
  for (const python of ['python3', 'python']) {
    const [path, version] = run(python, ['-c', findScript]).stdout?.trim().split(' ') ?? [];
    if (path && version && existsSync(path) && librariesIn(path).length >= 2)
      return { type: 'folder', path, libraries: path, version };
  }
  return undefined;
}

const findNvidiaScript =
  "import importlib.util as u; s = u.find_spec('nvidia'); print(list(s.submodule_search_locations)[0] if s else '')";

/** The folder of NVIDIA's packages in a Python of this machine. */
export const nvidiaOfPython = (): string | undefined =>
  ['python3', 'python']
    .map((python) => run(python, ['-c', findNvidiaScript]).stdout?.trim())
    .find((folder) => folder && existsSync(folder));

/**
 * Fetches wheels into `downloads`; pip's own progress bar is shown if standard error is a terminal.
 * @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD
 */
export function downloadWithPip(
  requirements: readonly string[],
  { downloads, report }: { downloads: string; report: Progress },
): void {
  const python = findTool('python');
  if (run(python, ['-m', 'pip', '--version']).status !== 0)
    throw missingTool('python', 'Python is installed without pip');
  mkdirSync(downloads, { recursive: true });
  const isTerminal = process.stderr.isTTY;
  const before = Date.now();
  report(`downloading ${requirements.join(', ')} with pip`);
  // pip puts a file there once it is complete.
  const { status, stderr } = runStep(
    python,
    [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--disable-pip-version-check',
      ...(isTerminal ? [] : ['--quiet']),
      '--dest',
      downloads,
      ...requirements,
    ],
    { stdio: ['ignore', isTerminal ? 2 : 'ignore', 'pipe'] },
  );
  if (status !== 0)
    throw new StillhouseError(
      'BACKEND_DOWNLOAD',
      `pip could not fetch ${requirements.join(', ')}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    );
  const bytes = readdirSync(downloads, { withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(downloads, entry.name)).size : 0),
    0,
  );
  report(`${(bytes / 1e6).toFixed(0)} MB downloaded in ${((Date.now() - before) / 1000).toFixed(0)} s`);
}

/**
 * The pinned wheel, downloaded into `downloads` if it is not there already.
 * @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD
 */
export function sourceFromPip({
  downloads,
  cuda,
  report,
}: {
  downloads: string;
  cuda: boolean;
  report: Progress;
}): Source {
  const name = !cuda && process.platform === 'linux' && process.arch === 'x64' ? 'tensorflow-cpu' : 'tensorflow';
  const wheelIn = (): string | undefined =>
    existsSync(downloads)
      ? readdirSync(downloads).find(
          (file) => file.endsWith('.whl') && file.startsWith(`${name.replace('-', '_')}-${pinnedVersion}-`),
        )
      : undefined;
  const kept = wheelIn();
  if (kept) report(`found ${kept}, downloaded earlier`);
  else downloadWithPip([`${name}==${pinnedVersion}`], { downloads, report });
  const wheel = kept ?? wheelIn();
  if (wheel === undefined)
    throw new StillhouseError('BACKEND_DOWNLOAD', `pip fetched no wheel of ${name} ${pinnedVersion}`);
  return { type: 'wheel', path: join(downloads, wheel), version: pinnedVersion };
}

/**
 * Puts the libraries (lib/) and headers (include/) of a source into an engine's folder; those of a folder are linked.
 * @throws StillhouseError BACKEND_SOURCE, BACKEND_SPACE
 */
export async function placeLibraries(source: Source, folder: string, report: Progress): Promise<void> {
  if (source.type === 'wheel') {
    await extractEntries(source.path, folder, placeOf, report);
    const lib = join(folder, 'lib');
    if (!existsSync(lib) || librariesIn(lib).length < 2)
      throw new StillhouseError(
        'BACKEND_SOURCE',
        `${source.path} does not contain libtensorflow_cc and libtensorflow_framework`,
      );
    return;
  }
  mkdirSync(join(folder, 'lib'));
  for (const name of librariesIn(source.libraries)) {
    report(`linking ${name} of ${source.libraries}`);
    symlinkSync(join(source.libraries, name), join(folder, 'lib', name));
  }
  symlinkSync(join(source.path, 'include'), join(folder, 'include'));
}
