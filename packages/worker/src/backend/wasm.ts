// WebAssembly on one thread, with kernels that TFJS lacks or has slow ones for.
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import type { BackendKind } from './backend.js';
import { registerWasmGradients } from './wasm-gradients.js';
import { transposeBeforeMatMul } from './wasm-matmul.js';

export const wasm: BackendKind = {
  obstacle: async () => undefined,
  async register() {
    // One thread on every machine: more threads would change the order of additions.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    setThreadsCount(1);
    transposeBeforeMatMul();
    registerWasmGradients();
    return `wasm ${version_wasm}`;
  },
  isOnGpu: () => false,
};
