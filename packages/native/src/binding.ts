// tfjs-node-gpu's own binding and Stillhouse's, compiled against libtensorflow's C API and Node-API, which is stable
// across versions of Node.
import { existsSync, readdirSync } from 'node:fs';
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
  const lib = join(folder, 'lib');
  const compile = (file: string, files: readonly string[]): void => {
    report(`compiling ${file} with ${compiler}`);
    const isMac = process.platform === 'darwin';
    const { status, stderr } = run(compiler, [
      '-shared',
      '-fPIC',
      // These files only pass arguments on: more optimisation would take longer and not make them faster.
      '-O1',
      '-std=c++17',
      '-w',
      '-DNAPI_VERSION=8',
      ...(isMac ? ['-undefined', 'dynamic_lookup'] : []),
      '-I',
      sources,
      '-I',
      nodeApiHeaders,
      '-I',
      join(folder, 'include'),
      '-o',
      join(folder, file),
      ...files,
      ...librariesIn(lib).map((name) => join(lib, name)),
      `-Wl,-rpath,${isMac ? '@loader_path' : '$ORIGIN'}`,
    ]);
    if (status !== 0)
      throw new StillhouseError(
        'BACKEND_BUILD',
        `${file} does not compile: ` +
          `${stderr.split('\n').find((line) => line.includes('error')) ?? stderr.trim().split('\n')[0]}`,
      );
  };
  compile(
    bindingFile,
    readdirSync(sources)
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(sources, name)),
  );
  compile(sessionsFile, [sessionsSource]);
}
