// A gather, which embeddings are, as TensorFlow's one kernel. The package's own reads all indices back first, so that a
// step could not be recorded; TensorFlow checks them itself.
import { tf } from './tfjs.js';
import { attributeKinds } from './graph-def.js';
import type { NativeBackend } from './binding-api.js';

const kernelName = 'GatherV2';
const types: Readonly<Record<string, number>> = { float32: 1, int32: 3, bool: 10 };

let isRegistered = false;

/** Once per process. */
export function registerGather(): void {
  if (isRegistered) return;
  isRegistered = true;
  tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
      const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
      const axisTensor = tf.scalar(axis, 'int32');
      const gathered = (backend as NativeBackend).executeSingleOutput(
        kernelName,
        [
          { name: 'batch_dims', type: attributeKinds.int, value: batchDims },
          { name: 'Tparams', type: attributeKinds.type, value: types[x.dtype] },
          { name: 'Tindices', type: attributeKinds.type, value: types[indices.dtype] },
          { name: 'Taxis', type: attributeKinds.type, value: types['int32'] },
        ],
        [x, indices, axisTensor],
      );
      axisTensor.dispose();
      return gathered;
    },
  });
}
