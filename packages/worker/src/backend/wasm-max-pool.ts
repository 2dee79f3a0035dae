// The gradient of max pooling for TFJS's wasm backend. TFJS's own is wrong if all values of a window are negative.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { outputFor, replaceWasmKernel } from './wasm-kernels.js';

type Shape4D = [number, number, number, number];

interface Attributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: Parameters<typeof tf.backend_util.computePool2DInfo>[4];
  readonly dimRoundingMode: Parameters<typeof tf.backend_util.computePool2DInfo>[5];
}

interface PooledImages {
  readonly x: Float32Array;
  readonly maximum: Float32Array;
  readonly dy: Float32Array;
  readonly dx: Float32Array;
}

/**
 * Adds the gradient of each output to the first position of its window, row by row, that has the maximum. Positions of
 * the window are the outer loop, so that an input in several windows adds their gradients in that order.
 */
function addGradients({ x, maximum, dy, dx }: PooledImages, info: tf.backend_util.Conv2DInfo): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, strideHeight, strideWidth, padInfo } = info;
  const isOpen = new Uint8Array(dy.length).fill(1);
  dx.fill(0);
  for (let i = 0; i < info.effectiveFilterHeight; i++)
    for (let j = 0; j < info.effectiveFilterWidth; j++)
      for (let image = 0; image < batchSize; image++)
        for (let y = 0; y < outHeight; y++) {
          const row = y * strideHeight + i - padInfo.top;
          if (row < 0 || row >= inHeight) continue;
          for (let z = 0; z < outWidth; z++) {
            const column = z * strideWidth + j - padInfo.left;
            if (column < 0 || column >= inWidth) continue;
            const output = ((image * outHeight + y) * outWidth + z) * inChannels;
            const input = ((image * inHeight + row) * inWidth + column) * inChannels;
            for (let channel = 0; channel < inChannels; channel++) {
              const out = output + channel;
              if (isOpen[out] === 0 || x[input + channel] !== maximum[out]) continue;
              isOpen[out] = 0;
              dx[input + channel] += dy[out];
            }
          }
        }
}

export function registerMaxPoolGradient(): void {
  replaceWasmKernel('MaxPoolGrad', () => (args) => {
    const { dy, input, output } = args.inputs as Record<'dy' | 'input' | 'output', tf.TensorInfo>;
    const { filterSize, strides, pad, dimRoundingMode } = args.attrs as unknown as Attributes;
    const backend = args.backend as BackendWasm;
    const gradient = outputFor(backend, [dy, input, output], { shape: input.shape, dtype: 'float32' });
    const valuesOf = (tensor: tf.TensorInfo): Float32Array => backend.typedArrayFromHeap(tensor) as Float32Array;
    addGradients(
      { x: valuesOf(input), maximum: valuesOf(output), dy: valuesOf(dy), dx: valuesOf(gradient) },
      tf.backend_util.computePool2DInfo(input.shape as Shape4D, filterSize, strides, 1, pad, dimRoundingMode),
    );
    return gradient;
  });
}
