// TFJS's wasm matrix product is fast only for operands as they lie (measured: a step of an MLP 784-1200-1200-10 is five
// times slower with its transposed path). Transposing first costs little, so gradients take the fast path too.
import * as tf from '@tensorflow/tfjs';

interface MatMulArgs {
  readonly inputs: { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo };
  readonly attrs: { readonly transposeA: boolean; readonly transposeB: boolean };
  readonly backend: { disposeData(id: object): void };
}

type Kernel = (args: { inputs: Record<string, tf.TensorInfo>; attrs: Record<string, unknown>; backend: unknown }) => tf.TensorInfo;

const kernelOf = (name: string): Kernel => tf.getKernel(name, 'wasm').kernelFunc as unknown as Kernel;

/** Replaces the wasm backend's BatchMatMul, once. */
export function transposeBeforeMatMul(): void {
  const current = tf.getKernel('BatchMatMul', 'wasm');
  if (replacements.has(current.kernelFunc)) return;
  const multiply = kernelOf('BatchMatMul');
  const transpose = kernelOf('Transpose');
  const kernelFunc = (args: unknown): tf.TensorInfo => {
    const { inputs, attrs, backend } = args as MatMulArgs;
    const temporary: tf.TensorInfo[] = [];
    const asItLies = (x: tf.TensorInfo, transposed: boolean): tf.TensorInfo => {
      if (!transposed) return x;
      const last = x.shape.length - 1;
      const perm = x.shape.map((_, axis) => (axis < last - 1 ? axis : 2 * last - 1 - axis));
      const result = transpose({ inputs: { x }, attrs: { perm }, backend });
      temporary.push(result);
      return result;
    };
    const a = asItLies(inputs.a, attrs.transposeA);
    const b = asItLies(inputs.b, attrs.transposeB);
    const product = multiply({ inputs: { a, b }, attrs: { transposeA: false, transposeB: false }, backend });
    for (const { dataId } of temporary) backend.disposeData(dataId);
    return product;
  };
  replacements.add(kernelFunc);
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({ ...current, kernelFunc: kernelFunc });
}

const replacements = new WeakSet<tf.KernelFunc>();
