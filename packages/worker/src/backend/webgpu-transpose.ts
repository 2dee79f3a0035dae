// Transposes of booleans, which masks of sequences need: TFJS's webgpu backend makes an invalid shader for them, and
// continues with zeros.
import type { tf } from '@stillhouse/native/tfjs';
import { MissingKernel } from './missing-kernel.js';
import { replaceKernel } from './replace-kernel.js';

/** Such a model is then trained on another backend. */
export function refuseTransposedBooleans(): void {
  replaceKernel('webgpu', 'Transpose', (original) => (args) => {
    const { x } = args.inputs as { x: tf.TensorInfo };
    if (x.dtype === 'bool') throw new MissingKernel('Transpose of booleans', undefined);
    return original!(args);
  });
}
