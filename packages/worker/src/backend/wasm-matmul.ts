// TFJS's wasm matrix product is fast only for operands that are not transposed. Transposing them first costs little, so
// gradients, whose operands are transposed, take the fast path too.
import { tf } from '@stillhouse/native/tfjs';
import { replaceWasmKernel } from './wasm-kernels.js';

/** Swaps the last two axes. */
function transposed(x: tf.Tensor): tf.Tensor {
  const last = x.shape.length - 1;
  return tf.transpose(
    x,
    x.shape.map((_, axis) => (axis < last - 1 ? axis : 2 * last - 1 - axis)),
  );
}

export function transposeBeforeMatMul(): void {
  replaceWasmKernel('BatchMatMul', (multiply) => ({ inputs, attrs, backend }) => {
    const { a, b } = inputs as { a: tf.Tensor; b: tf.Tensor };
    const operands = { a: attrs?.['transposeA'] ? transposed(a) : a, b: attrs?.['transposeB'] ? transposed(b) : b };
    return multiply!({ inputs: operands, attrs: { transposeA: false, transposeB: false }, backend });
  });
}
