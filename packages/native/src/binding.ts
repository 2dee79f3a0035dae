// tfjs-node-gpu's own binding and Stillhouse's, compiled against libtensorflow's C API and Node-API, which is stable
// across versions of Node.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
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
/** Stillhouse's own source, next to both src/ and dist/. */
const sessionsSource = fileURLToPath(new URL('../binding/graph_session.cc', import.meta.url));
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
  const linked = process.platform === 'darwin' ? linkOnMac(folder) : linkToStandIns(folder, compile);
  const compileBinding = (file: string, files: readonly string[]): void => {
    report(`compiling ${file} with ${compiler}`);
    // These files only pass arguments on: more optimisation would take longer and not make them faster.
    const language = ['-O1', '-std=c++17', '-w', '-DNAPI_VERSION=8'];
    const headers = [sources, nodeApiHeaders, join(folder, 'include')].flatMap((path) => ['-I', path]);
    compile(file, [...language, ...headers, ...files, ...linked]);
  };
  compileBinding(
    bindingFile,
    readdirSync(sources)
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(sources, name)),
  );
  compileBinding(sessionsFile, [sessionsSource]);
  rmSync(join(folder, standInFolder), { recursive: true, force: true });
}

const linkOnMac = (folder: string): string[] => [
  '-undefined',
  'dynamic_lookup',
  ...librariesIn(join(folder, 'lib')).map((name) => join(folder, 'lib', name)),
  '-Wl,-rpath,@loader_path',
];

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
