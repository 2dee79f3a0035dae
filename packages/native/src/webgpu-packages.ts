// The parts of the WebGPU engine in its folder: Dawn's addon for this platform from npm's webgpu, and TFJS's backend.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { placeNpmPackage } from './npm-package.js';
import type { Progress } from './tools.js';

export const webgpuVersion = '0.6.2';
export const webgpuBackendVersion = '4.22.0';

/** What to do if Dawn cannot compute. */
export const noGpuHint =
  'On Linux, install the Vulkan loader and the GPU’s Vulkan driver (Debian/Ubuntu: apt install libvulkan1 ' +
  'mesa-vulkan-drivers, or NVIDIA’s driver); or choose another backend with --backend, for example wasm.';

const platform = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`;
export const dawnFile = (folder: string): string => join(folder, 'dawn', 'dawn.node');
export const webgpuBackendFolder = (folder: string): string => join(folder, 'tfjs-backend-webgpu');

/** @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SOURCE */
export function placeWebgpu(folder: string, report: Progress): void {
  const unpacked = join(folder, 'webgpu');
  placeNpmPackage('webgpu', webgpuVersion, { folder: unpacked, report });
  const ours = join(unpacked, 'dist', platform);
  if (!existsSync(ours))
    throw new StillhouseError('BACKEND_SOURCE', `npm's webgpu ${webgpuVersion} has no build for ${platform}`);
  renameSync(ours, dirname(dawnFile(folder)));
  // The builds for other platforms are most of the package.
  rmSync(unpacked, { recursive: true });
  placeNpmPackage('@tensorflow/tfjs-backend-webgpu', webgpuBackendVersion, {
    folder: webgpuBackendFolder(folder),
    report,
  });
}
