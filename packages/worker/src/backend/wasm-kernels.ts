// Kernels of TFJS's wasm backend that are registered anew.
import * as tf from '@tensorflow/tfjs';

const ours = new WeakSet<tf.KernelFunc>();

/**
 * Registers a kernel in place of the one that is there, if any, once. What it makes on the way is disposed of.
 * @param make gets the kernel that was there
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
