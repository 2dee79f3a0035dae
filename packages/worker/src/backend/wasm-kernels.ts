// Replaces kernels of TFJS's wasm backend.
import type { tf } from '@stillhouse/native/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { replaceKernel } from './replace-kernel.js';

/** @param make gets the existing kernel */
export const replaceWasmKernel = (
  kernelName: string,
  make: (original: tf.KernelFunc | undefined) => tf.KernelFunc,
): void => replaceKernel('wasm', kernelName, make);

/**
 * A new tensor in the backend's memory. Operands that another backend holds are moved there first: both this and a new
 * tensor may let the memory grow, after which arrays that were taken from it before cannot be used.
 */
export function outputFor(
  backend: BackendWasm,
  operands: readonly tf.TensorInfo[],
  { shape, dtype }: { readonly shape: number[]; readonly dtype: 'float32' | 'int32' },
): tf.TensorInfo {
  for (const { dataId } of operands) backend.getMemoryOffset(dataId);
  return backend.makeOutput(shape, dtype);
}
