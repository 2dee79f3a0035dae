// tfjs-node-gpu's own binding and Stillhouse's, compiled against libtensorflow's C API and Node-API, which is stable
// across versions of Node.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StillhouseError } from '@stillhouse/core';
import { placeNpmPackage } from './npm-package.js';
import { librariesIn } from './sources.js';
import { findTool, run, type Progress } from './tools.js';

const require = createRequire(import.meta.url);
const { include_dir: nodeApiHeaders } = require('node-api-headers') as { include_dir: string };

export const bindingPackage = '@tensorflow/tfjs-node-gpu';
export const bindingVersion = '4.22.0';
/** Paths of the bindings, relative to an engine's folder. */
export const bindingFile = join('lib', 'tfjs_binding.node');
export const sessionsFile = join('lib', 'graph_session.node');
/** Only on Linux, and not in an engine whose TensorFlow does not log by Abseil. */
export const logLevelFile = join('lib', 'log_level.node');
/** Only on Linux. */
export const sharedMemoryFile = join('lib', 'shared_memory.node');
/** Stillhouse's own sources, next to both src/ and dist/. */
const sourceOf = (name: string): string => fileURLToPath(new URL(`../binding/${name}`, import.meta.url));
const packageFolder = 'tfjs-node-gpu';
const standInFolder = 'stand-ins';

/** The package's JavaScript in an engine's folder. */
export const packageOf = (folder: string): string => join(folder, packageFolder);

/**
 * Puts the package's sources into the engine's folder.
 * @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SOURCE
 */
export function placePackage(folder: string, report: Progress): void {
  placeNpmPackage(bindingPackage, bindingVersion, { folder: packageOf(folder), report });
}

/** @throws StillhouseError BACKEND_TOOL, BACKEND_BUILD */
export function compileBindings(folder: string, report: Progress): void {
  const compiler = findTool('compiler', process.env['CXX']);
  const sources = join(packageOf(folder), 'binding');
  if (!existsSync(sources))
    throw new StillhouseError('BACKEND_BUILD', `${bindingPackage} has no binding to compile in ${sources}`);
  const compile = (file: string, args: readonly string[]): void => {
    const { status, stderr } = run(compiler, ['-shared', '-fPIC', '-o', join(folder, file), ...args]);
    if (status !== 0)
      throw new StillhouseError(
        'BACKEND_BUILD',
        `${file} does not compile: ` +
          `${stderr.split('\n').find((line) => line.includes('error')) ?? stderr.trim().split('\n')[0]}`,
      );
  };
  // These files only pass arguments on: more optimisation would take longer and not make them faster.
  const language = ['-O1', '-std=c++17', '-w', '-DNAPI_VERSION=8'];
  const headers = [sources, nodeApiHeaders, join(folder, 'include')].flatMap((path) => ['-I', path]);
  const compileBinding = (file: string, args: readonly string[]): void => {
    report(`compiling ${file} with ${compiler}`);
    compile(file, [...language, ...headers, ...args]);
  };
  const linked = process.platform === 'darwin' ? linkOnMac(folder) : linkToStandIns(folder, compile);
  compileBinding(
    bindingFile,
    readdirSync(sources)
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(sources, name))
      .concat(linked),
  );
  compileBinding(sessionsFile, [sourceOf('graph_session.cc'), ...linked]);
  const abseil = process.platform === 'linux' ? abseilOf(folder) : undefined;
  if (abseil !== undefined) compileBinding(logLevelFile, [`-DABSL_VERSION=${abseil}`, sourceOf('log_level.cc')]);
  if (process.platform === 'linux') compileBinding(sharedMemoryFile, [sourceOf('shared_memory.cc')]);
  rmSync(join(folder, standInFolder), { recursive: true, force: true });
}

const linkOnMac = (folder: string): string[] => [
  '-undefined',
  'dynamic_lookup',
  ...librariesIn(join(folder, 'lib')).map((name) => join(folder, 'lib', name)),
  '-Wl,-rpath,@loader_path',
];

/** Abseil's WriteToStderr(std::string_view, LogSeverity), as compilers mangle its name (Itanium C++ ABI). */
const writeToStderr = '12log_internal13WriteToStderrESt17basic_string_viewIcSt11char_traitsIcEENS0_11LogSeverityE';

/**
 * The inline namespace of a library's Abseil, such as lts_20250814; undefined if the library does not log by Abseil.
 * @param library content of the file
 */
export function abseilVersionIn(library: Buffer): string | undefined {
  const at = Math.max(0, library.indexOf(writeToStderr));
  return /_ZN4absl\d+(lts_\d{8})$/.exec(library.toString('latin1', Math.max(0, at - 64), at))?.[1];
}

function abseilOf(folder: string): string | undefined {
  const lib = join(folder, 'lib');
  const framework = librariesIn(lib).find((name) => name.startsWith('libtensorflow_framework.'));
  return framework && abseilVersionIn(readFileSync(join(lib, framework)));
}

/** Of several files of one library, as `.so`, `.so.2` and `.so.2.21.0`, the one that programs ask for (`.so.2`). */
export function librariesToLoad(files: readonly string[]): string[] {
  const stems = new Set(files.map((name) => name.split('.')[0]));
  return [...stems].map((stem) => {
    const names = files.filter((name) => name.split('.')[0] === stem);
    return names.find((name) => /\.so\.\d+$/.test(name)) ?? names[0];
  });
}

/**
 * Links to empty libraries of the same names: GNU ld takes 16 s to read the symbols of libtensorflow. A function that
 * is missing shows when the binding is loaded, since all are bound then.
 */
function linkToStandIns(folder: string, compile: (file: string, args: readonly string[]) => void): string[] {
  mkdirSync(join(folder, standInFolder));
  const standIns = librariesToLoad(librariesIn(join(folder, 'lib'))).map((name) => {
    const file = join(standInFolder, name);
    compile(file, ['-x', 'c++', '/dev/null', `-Wl,-soname,${name}`]);
    return join(folder, file);
  });
  return ['-Wl,--no-as-needed', ...standIns, '-Wl,-z,now', '-Wl,-rpath,$ORIGIN'];
}
