// The gradient of a gather, which an embedding needs: sums of rows by their index. TFJS's wasm backend has none, its
// cpu backend goes through all rows once per index, and its webgpu backend adds in an order that depends on threads.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { replaceKernel } from './replace-kernel.js';
import { outputFor, replaceWasmKernel } from './wasm-kernels.js';

interface CpuBackend {
  readSync(dataId: object): Float32Array | Int32Array;
  makeTensorInfo(shape: number[], dtype: string, values: Float32Array): tf.TensorInfo;
}

/** What the kernel is called with. */
function operandsOf({ inputs, attrs }: Parameters<tf.KernelFunc>[0]): {
  readonly x: tf.TensorInfo;
  readonly segmentIds: tf.TensorInfo;
  readonly shape: number[];
} {
  const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  const { numSegments } = attrs as unknown as { numSegments: number };
  return { x, segmentIds, shape: [numSegments, ...x.shape.slice(segmentIds.shape.length)] };
}

/** out[id, k] = Σ x[row, k] over the rows with the index `id`, added in fp32 in the order of the rows. */
function addRows(x: Float32Array, ids: ArrayLike<number>, out: Float32Array): void {
  const width = x.length / ids.length;
  out.fill(0);
  for (let row = 0; row < ids.length; row++) {
    const to = ids[row] * width;
    const from = row * width;
    for (let k = 0; k < width; k++) out[to + k] += x[from + k];
  }
}

export function registerSegmentSumOnWasm(): void {
  replaceWasmKernel('UnsortedSegmentSum', () => (args) => {
    const { x, segmentIds, shape } = operandsOf(args);
    const backend = args.backend as BackendWasm;
    const out = outputFor(backend, [x, segmentIds], { shape, dtype: 'float32' });
    const valuesOf = (tensor: tf.TensorInfo): Float32Array | Int32Array =>
      backend.typedArrayFromHeap(tensor) as Float32Array | Int32Array;
    addRows(valuesOf(x) as Float32Array, valuesOf(segmentIds), valuesOf(out) as Float32Array);
    return out;
  });
}

export function registerSegmentSumOnCpu(): void {
  replaceKernel('cpu', 'UnsortedSegmentSum', () => (args) => {
    const { x, segmentIds, shape } = operandsOf(args);
    const backend = args.backend as unknown as CpuBackend;
    const out = new Float32Array(tf.util.sizeFromShape(shape));
    addRows(backend.readSync(x.dataId) as Float32Array, backend.readSync(segmentIds.dataId), out);
    return backend.makeTensorInfo(shape, 'float32', out);
  });
}

/** As a matrix product with the one-hot indices: [segments, rows] · [rows, width]. */
export function registerSegmentSumOnWebgpu(): void {
  replaceKernel('webgpu', 'UnsortedSegmentSum', () => (args) => {
    const { x, segmentIds, shape } = operandsOf(args) as ReturnType<typeof operandsOf> &
      Record<'x' | 'segmentIds', tf.Tensor>;
    const rows = tf.util.sizeFromShape(segmentIds.shape);
    const width = tf.util.sizeFromShape(x.shape) / rows;
    const indices = tf.reshape(tf.range(0, shape[0], 1, 'int32'), [shape[0], 1]);
    const isOf = tf.cast(tf.equal(indices, tf.reshape(segmentIds, [1, rows])), 'float32');
    return tf.reshape(tf.matMul(isOf as tf.Tensor2D, tf.reshape(x, [rows, width])), shape);
  });
}
