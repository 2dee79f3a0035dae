// The gradient of relu as TensorFlow's one kernel for it. TFJS composes it from six ops, which takes longer than the
// layer itself.
import { tf } from './tfjs.js';
import { attributeKinds } from './graph-def.js';
import type { NativeBackend } from './binding-api.js';

const kernelName = 'ReluGrad';
const floatType = 1;

/** Once per process; other backends keep TFJS's gradient. */
export function registerReluGradient(): void {
  if (tf.getKernel(kernelName, 'tensorflow')) return;
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, backend }) =>
      (backend as NativeBackend).executeSingleOutput(
        kernelName,
        [{ name: 'T', type: attributeKinds.type, value: floatType }],
        [inputs['dy']!, inputs['x']!],
      ),
  });
  const composed = tf.getGradient('Relu');
  tf.registerGradient({
    ...composed,
    gradFunc: (dy, saved, attrs) =>
      tf.getBackend() === 'tensorflow'
        ? { x: () => tf.engine().runKernel<tf.Tensor>(kernelName, { dy: dy as tf.Tensor, x: saved[0] }) }
        : composed.gradFunc(dy, saved, attrs),
  });
}
