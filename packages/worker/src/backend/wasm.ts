// WebAssembly on one thread, with kernels that TFJS lacks or has slow ones for.
import { createRequire } from 'node:module';
import { tf } from '@stillhouse/native/tfjs';
import type * as tfjsWasm from '@tensorflow/tfjs-backend-wasm';
import type { BackendKind } from './backend.js';
import { registerConvolutionGradients } from './wasm-convolution.js';
import { registerAveragePoolGradient } from './average-pool.js';
import { registerSegmentSumOnWasm } from './segment-sum.js';
import { registerMaxPoolGradient } from './wasm-max-pool.js';
import { transposeBeforeMatMul } from './wasm-matmul.js';
import { sliceInMemory } from './wasm-slice.js';
import { registerVolumeKernels } from './wasm-volume.js';

// By `require`, like TFJS.
const { setThreadsCount, version_wasm } = createRequire(import.meta.url)(
  '@tensorflow/tfjs-backend-wasm',
) as typeof tfjsWasm;

export const wasm: BackendKind = {
  obstacle: async () => undefined,
  async register() {
    // One thread on every machine: more threads would change the order of additions.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    setThreadsCount(1);
    sliceInMemory();
    transposeBeforeMatMul();
    registerConvolutionGradients();
    registerMaxPoolGradient();
    registerSegmentSumOnWasm();
    registerAveragePoolGradient();
    registerVolumeKernels();
    return `wasm ${version_wasm}`;
  },
  isOnGpu: () => false,
};
