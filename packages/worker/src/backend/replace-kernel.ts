// Replaces kernels of TFJS's backends, or adds those that are missing.
import { tf } from '@stillhouse/native/tfjs';

const ours = new WeakSet<tf.KernelFunc>();

/**
 * Registers a kernel once, in place of the existing one, if any. Its intermediate tensors are disposed of.
 * @param make gets the existing kernel
 */
export function replaceKernel(
  backendName: 'cpu' | 'wasm' | 'webgpu',
  kernelName: string,
  make: (original: tf.KernelFunc | undefined) => tf.KernelFunc,
): void {
  const present = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
  if (present && ours.has(present.kernelFunc)) return;
  const kernel = make(present?.kernelFunc);
  const kernelFunc: tf.KernelFunc = (args) => tf.tidy(() => kernel(args) as tf.Tensor);
  ours.add(kernelFunc);
  if (present) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...present, kernelName, backendName, kernelFunc });
}
