// Slices for TFJS's wasm backend. TFJS's own slices copy the whole operand first, and then make an array per run of
// values.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { outputFor, replaceWasmKernel } from './wasm-kernels.js';

/** Shorter runs are copied value by value, because a call takes longer. */
const shortestCopyWithin = 24;

/** The number of values that are next to each other both in the operand and in the slice. */
function runOf(shape: readonly number[], size: readonly number[]): { run: number; outerAxes: number } {
  let run = 1;
  let axis = shape.length - 1;
  while (axis >= 0 && size[axis] === shape[axis]) run *= size[axis--];
  return axis < 0 ? { run, outerAxes: 0 } : { run: run * size[axis], outerAxes: axis };
}

/** Copies a slice within memory that holds both operand and slice, as bits; offsets are in values. */
function copySlice(
  memory: Int32Array,
  from: { readonly offset: number; readonly shape: readonly number[] },
  to: { readonly offset: number; readonly begin: readonly number[]; readonly size: readonly number[] },
): void {
  const { shape } = from;
  const { begin, size } = to;
  const strides = tf.util.computeStrides([...shape, 1]);
  const { run, outerAxes } = runOf(shape, size);
  const index = new Array<number>(outerAxes).fill(0);
  let source = from.offset + begin.reduce((sum, at, axis) => sum + at * strides[axis], 0);
  let target = to.offset;
  const end = target + tf.util.sizeFromShape([...size]);
  while (target < end) {
    if (run < shortestCopyWithin) for (let i = 0; i < run; i++) memory[target + i] = memory[source + i];
    else memory.copyWithin(target, source, source + run);
    target += run;
    for (let axis = outerAxes - 1; axis >= 0; axis--) {
      source += strides[axis];
      if (++index[axis] < size[axis]) break;
      source -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
}

export function sliceInMemory(): void {
  replaceWasmKernel('Slice', (original) => (args) => {
    const { x } = args.inputs as { x: tf.TensorInfo };
    if (x.dtype !== 'float32' && x.dtype !== 'int32') return original!(args);
    const { begin, size } = args.attrs as { begin: number | number[]; size: number | number[] };
    const [from, extent] = tf.slice_util.parseSliceParams(x, begin, size);
    tf.slice_util.assertParamsValid(x, from, extent);
    tf.util.assert(
      from.every((at) => at >= 0),
      () => `a slice begins at ${from.join(', ')}, but positions begin at 0`,
    );
    const backend = args.backend as BackendWasm;
    const out = outputFor(backend, [x], { shape: extent, dtype: x.dtype });
    const [operand, slice] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
    copySlice(
      new Int32Array(slice.buffer),
      { offset: operand.byteOffset / 4, shape: x.shape },
      { offset: slice.byteOffset / 4, begin: from, size: extent },
    );
    return out;
  });
}
