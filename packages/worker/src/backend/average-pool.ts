// The gradient of average pooling with padding. TFJS's own, except on TensorFlow, divides by the whole window, although
// the average at an edge is only over the part of the window that is in the image.
import { tf } from '@stillhouse/native/tfjs';

type Shape4D = [number, number, number, number];

interface Attributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: Parameters<typeof tf.backend_util.computePool2DInfo>[4];
  readonly dimRoundingMode?: Parameters<typeof tf.backend_util.computePool2DInfo>[5];
}

/** For each output along an axis: positions of the window, divided by those of them that are in the image. */
function sharesAlong(window: number, stride: number, pad: number, of: { inSize: number; outSize: number }): number[] {
  return Array.from({ length: of.outSize }, (_, out) => {
    const first = out * stride - pad;
    return window / (Math.min(of.inSize, first + window) - Math.max(0, first));
  });
}

/** Window sizes divided by the counts that averages were taken over, [1, out height, out width, 1]. */
function sharesOf(shape: Shape4D, { filterSize, strides, pad, dimRoundingMode }: Attributes): tf.Tensor4D | undefined {
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { inHeight, inWidth, outHeight, outWidth, padInfo, filterHeight, filterWidth } = info;
  const height = { inSize: inHeight, outSize: outHeight };
  const width = { inSize: inWidth, outSize: outWidth };
  const rows = sharesAlong(filterHeight, info.strideHeight, padInfo.top, height);
  const columns = sharesAlong(filterWidth, info.strideWidth, padInfo.left, width);
  if ([...rows, ...columns].every((share) => share === 1)) return undefined;
  return tf.tensor4d(
    rows.flatMap((row) => columns.map((column) => row * column)),
    [1, outHeight, outWidth, 1],
  );
}

const ours = new WeakSet<object>();

/** Once per process; TensorFlow keeps its own. */
export function registerAveragePoolGradient(): void {
  const given = tf.getGradient('AvgPool');
  if (ours.has(given.gradFunc)) return;
  const gradFunc: typeof given.gradFunc = (dy, saved, attrs) => {
    if (tf.getBackend() === 'tensorflow') return given.gradFunc(dy, saved, attrs);
    const weighted = (): tf.Tensor => {
      const shares = sharesOf(saved[0].shape as Shape4D, attrs as unknown as Attributes);
      return shares ? tf.mul(dy as tf.Tensor, shares) : (dy as tf.Tensor);
    };
    return { x: () => given.gradFunc(weighted(), saved, attrs)['x']() };
  };
  ours.add(gradFunc);
  tf.registerGradient({ ...given, gradFunc });
}
