// Replaces kernels of TFJS's wasm backend.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

const ours = new WeakSet<tf.KernelFunc>();

/**
 * Registers a kernel once, in place of the existing one, if any. Its intermediate tensors are disposed of.
 * @param make gets the existing kernel
 */
export function replaceWasmKernel(
  kernelName: string,
  make: (original: tf.KernelFunc | undefined) => tf.KernelFunc,
): void {
  const present = tf.getKernel(kernelName, 'wasm') as tf.KernelConfig | undefined;
  if (present && ours.has(present.kernelFunc)) return;
  const kernel = make(present?.kernelFunc);
  const kernelFunc: tf.KernelFunc = (args) => tf.tidy(() => kernel(args) as tf.Tensor);
  ours.add(kernelFunc);
  if (present) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...present, kernelName, backendName: 'wasm', kernelFunc });
}

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
