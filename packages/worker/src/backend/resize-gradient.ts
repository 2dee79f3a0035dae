// Gradients of resized images on TFJS's cpu backend. Its own for the nearest pixel is wrong for several rows: it takes
// where a row begins among the inputs for where it begins among the outputs. Its own for bilinear interpolation swaps
// height and width in the shape that it gives its right numbers.
import { tf } from '@stillhouse/native/tfjs';
import { replaceKernel } from './replace-kernel.js';

interface CpuBackend {
  readSync(dataId: object): Float32Array;
  makeTensorInfo(shape: readonly number[], dtype: string, values: Float32Array): tf.TensorInfo;
}

/** For each position of the resized axis, the one that it was taken from. */
function sourcesOf(from: number, to: number, alignCorners: boolean): number[] {
  const isAligned = alignCorners && to > 1;
  const scale = isAligned ? (from - 1) / (to - 1) : from / to;
  return Array.from({ length: to }, (_, at) =>
    Math.min(from - 1, isAligned ? Math.round(at * scale) : Math.floor(at * scale)),
  );
}

export function registerResizeGradients(): void {
  replaceKernel('cpu', 'ResizeNearestNeighborGrad', () => (args) => {
    const { images, dy } = args.inputs as Record<'images' | 'dy', tf.TensorInfo>;
    const { alignCorners } = args.attrs as { alignCorners: boolean };
    const [rows, inHeight, inWidth, channels] = images.shape;
    const [, outHeight, outWidth] = dy.shape;
    const backend = args.backend as unknown as CpuBackend;
    const values = backend.readSync(dy.dataId);
    const gradient = new Float32Array(rows * inHeight * inWidth * channels);
    const lines = sourcesOf(inHeight, outHeight, alignCorners);
    const columns = sourcesOf(inWidth, outWidth, alignCorners);
    let next = 0;
    for (let row = 0; row < rows; row++)
      for (const line of lines)
        for (const column of columns) {
          const to = ((row * inHeight + line) * inWidth + column) * channels;
          for (let channel = 0; channel < channels; channel++) gradient[to + channel] += values[next++];
        }
    return backend.makeTensorInfo(images.shape, 'float32', gradient);
  });
  replaceKernel('cpu', 'ResizeBilinearGrad', (original) => (args) => {
    const { images } = args.inputs as { images: tf.TensorInfo };
    return { ...(original!(args) as tf.TensorInfo), shape: images.shape };
  });
}
