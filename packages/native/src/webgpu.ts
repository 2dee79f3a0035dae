// Loads the WebGPU engine into this process: Dawn as navigator.gpu, TFJS's backend "webgpu" on it.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { tf } from './tfjs.js';
import { firstLineOf, StillhouseError } from '@stillhouse/core';
import { installedEngines } from './home.js';
import { lendDependencies } from './lend-dependencies.js';
import { dawnFile, noGpuHint, webgpuBackendFolder, webgpuVersion } from './webgpu-packages.js';

const require = createRequire(import.meta.url);

interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{ readonly info: AdapterInfo } | null>;
}

/** Kernels of TFJS that add with atomics, in an order that depends on threads: the sums would not repeat. */
const racing = [
  'UnsortedSegmentSum',
  'Bincount',
  'DenseBincount',
  'Dilation2DBackpropFilter',
  'Dilation2DBackpropInput',
  'ScatterNd',
  'SparseSegmentMean',
  'SparseSegmentSum',
  'TensorScatterUpdate',
];

/** MatMulPackedProgram: one matrix product for all shapes; another program splits sums over atomics. */
const packedProducts = 3;

export interface WebgpuDevice {
  readonly fingerprint: string;
  /** Name given by its driver. */
  readonly name: string;
  /** Whether it computes on the CPU, as SwiftShader does. */
  readonly isSoftware: boolean;
}

let loaded: Promise<WebgpuDevice> | undefined;

async function load(folder: string): Promise<WebgpuDevice> {
  const dawn = require(dawnFile(folder)) as { create(flags: string[]): Gpu; globals: object };
  const gpu = dawn.create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new StillhouseError('BACKEND_UNAVAILABLE', 'Dawn finds no GPU on this machine', { next: noGpuHint });
  }
  const scope = globalThis as { navigator?: object };
  Object.assign(scope, dawn.globals);
  // Node 20 has no navigator; later versions have a read-only one.
  if (!scope.navigator) Object.defineProperty(scope, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  lendDependencies(webgpuBackendFolder(folder));
  require(join(webgpuBackendFolder(folder), 'dist', 'tf-backend-webgpu.node.js'));
  for (const kernel of racing) if (tf.getKernel(kernel, 'webgpu')) tf.unregisterKernel(kernel, 'webgpu');
  tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', packedProducts);
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture, device].filter(Boolean).join(' ');
  return {
    name,
    fingerprint: `webgpu ${tf.version_core} dawn=${webgpuVersion} ${name}`,
    isSoftware: isFallbackAdapter ?? false,
  };
}

/**
 * Registers the engine, once per process.
 * @param folder of the engine; the installed one by default
 * @throws StillhouseError BACKEND_UNAVAILABLE
 */
export function loadWebgpu(
  folder: string | undefined = installedEngines(process.env, 'webgpu')[0]?.folder,
): Promise<WebgpuDevice> {
  if (folder === undefined)
    throw new StillhouseError('BACKEND_UNAVAILABLE', 'the webgpu backend is not installed', {
      next:
        'Run `stillhouse backend install webgpu`, or choose another backend with --backend, for example wasm or ' +
        'cpu.',
    });
  loaded ??= load(folder).catch((cause: unknown) => {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError(
      'BACKEND_UNAVAILABLE',
      `the webgpu backend in ${folder} does not load: ${firstLineOf(cause)}`,
      { cause, next: 'Reinstall it with `stillhouse backend install webgpu --force`.' },
    );
  });
  return loaded;
}
