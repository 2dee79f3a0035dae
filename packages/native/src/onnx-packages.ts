// ONNX Runtime in its folder: npm's onnxruntime-node with only the build for this platform, and what it requires.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { placeNpmPackage } from './npm-package.js';
import type { Progress } from './tools.js';

export const onnxVersion = '1.30.0';

const packageFolder = (folder: string, name: string): string => join(folder, 'node_modules', name);

/** The package, as a file in the folder requires it. */
export const requireOnnx = (folder: string): unknown => createRequire(join(folder, 'engine.json'))('onnxruntime-node');

/** Removes everything next to an entry. */
function keepOnly(folder: string, name: string): void {
  for (const other of readdirSync(folder)) if (other !== name) rmSync(join(folder, other), { recursive: true });
}

/** @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SOURCE */
export function placeOnnx(folder: string, report: Progress): void {
  const runtime = packageFolder(folder, 'onnxruntime-node');
  placeNpmPackage('onnxruntime-node', onnxVersion, { folder: runtime, report });
  placeNpmPackage('onnxruntime-common', onnxVersion, { folder: packageFolder(folder, 'onnxruntime-common'), report });
  const builds = join(runtime, 'bin', 'napi-v6');
  if (!existsSync(join(builds, process.platform, process.arch)))
    throw new StillhouseError(
      'BACKEND_SOURCE',
      `npm's onnxruntime-node ${onnxVersion} has no build for ${process.platform} ${process.arch}`,
    );
  keepOnly(builds, process.platform);
  keepOnly(join(builds, process.platform), process.arch);
}
