// tfjs-node-gpu's own binding and Stillhouse's, compiled against libtensorflow's C API and Node-API, which is stable over
// Node's versions.
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StillhouseError } from '@stillhouse/core';
import { librariesIn } from './sources.js';
import { findTool, run } from './tools.js';
import type { Progress } from './wheel.js';

const require = createRequire(import.meta.url);
const { include_dir: nodeApiHeaders } = require('node-api-headers') as { include_dir: string };

export const bindingPackage = '@tensorflow/tfjs-node-gpu';
export const bindingVersion = '4.22.0';
export const bindingFile = 'tfjs_binding.node';
export const sessionsFile = 'graph_session.node';
/** Stillhouse's own source, beside src/ and dist/ alike. */
const sessionsSource = fileURLToPath(new URL('../binding/graph_session.cc', import.meta.url));
const packageFolder = 'tfjs-node-gpu';

/** The package's JavaScript in an engine's folder. */
export const packageOf = (folder: string): string => join(folder, packageFolder);

/** The package beside stillhouse, if the user installed it. */
function installedPackage(): string | undefined {
  try {
    return dirname(require.resolve(`${bindingPackage}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * Puts the package's sources into the engine's folder, without running its scripts.
 * @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD
 */
export function placePackage(folder: string, tell: Progress): void {
  const npm = findTool('npm');
  const source = installedPackage() ?? `${bindingPackage}@${bindingVersion}`;
  tell(`fetching the sources of ${bindingPackage} ${bindingVersion}`);
  const packed = run(npm, ['pack', source, '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: folder });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (packed.status !== 0 || !tarball) throw new StillhouseError('BACKEND_DOWNLOAD', `npm could not fetch ${bindingPackage} ${bindingVersion}: ${packed.stderr.trim().split('\n').at(-1) ?? ''}`);
  const unpacked = run('tar', ['-xzf', tarball], { cwd: folder });
  if (unpacked.status !== 0) throw new StillhouseError('BACKEND_SOURCE', `${tarball} cannot be unpacked: ${unpacked.stderr.trim()}`);
  renameSync(join(folder, 'package'), packageOf(folder));
}

/** @throws StillhouseError BACKEND_TOOL, BACKEND_BUILD */
export function compileBindings(folder: string, tell: Progress): void {
  const compiler = findTool('compiler', process.env['CXX']);
  const sources = join(packageOf(folder), 'binding');
  if (!existsSync(sources)) throw new StillhouseError('BACKEND_BUILD', `${bindingPackage} has no binding to compile in ${sources}`);
  const compile = (file: string, files: readonly string[]): void => {
    tell(`compiling ${file} with ${compiler}`);
    const isMac = process.platform === 'darwin';
    const { status, stderr } = run(compiler, [
      '-shared', '-fPIC', '-O3', '-std=c++17', '-w', '-DNAPI_VERSION=8', ...(isMac ? ['-undefined', 'dynamic_lookup'] : []),
      '-I', sources, '-I', nodeApiHeaders, '-I', join(folder, 'include'), '-o', join(folder, file), ...files,
      ...librariesIn(folder).map((name) => join(folder, name)), `-Wl,-rpath,${isMac ? '@loader_path' : '$ORIGIN'}`,
    ]);
    if (status !== 0) throw new StillhouseError('BACKEND_BUILD', `${file} does not compile: ${stderr.split('\n').find((line) => line.includes('error')) ?? stderr.trim().split('\n')[0]}`);
  };
  compile(bindingFile, readdirSync(sources).filter((name) => name.endsWith('.cc')).map((name) => join(sources, name)));
  compile(sessionsFile, [sessionsSource]);
}
