// The gradient of average pooling with padding, in two and three dimensions. TFJS's own, except on TensorFlow, divides
// by the whole window, although the average at an edge is only over the part of the window that is in the image.
import { tf } from '@stillhouse/native/tfjs';

interface Attributes {
  readonly filterSize: number | [number, number, number];
  readonly strides: number | [number, number, number];
  readonly pad: 'valid' | 'same' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

interface Axis {
  readonly inSize: number;
  readonly outSize: number;
  readonly window: number;
  readonly stride: number;
  readonly pad: number;
}

/** For each output along an axis: positions of the window, divided by those of them that are in the image. */
function sharesAlong({ inSize, outSize, window, stride, pad }: Axis): number[] {
  return Array.from({ length: outSize }, (_, out) => {
    const first = out * stride - pad;
    return window / (Math.min(inSize, first + window) - Math.max(0, first));
  });
}

type Info3D = ReturnType<typeof tf.backend_util.computePool3DInfo>;

/** Height and width, which both kinds of information have. */
const plane = (info: tf.backend_util.Conv2DInfo | Info3D): Axis[] => [
  {
    inSize: info.inHeight,
    outSize: info.outHeight,
    window: info.filterHeight,
    stride: info.strideHeight,
    pad: info.padInfo.top,
  },
  {
    inSize: info.inWidth,
    outSize: info.outWidth,
    window: info.filterWidth,
    stride: info.strideWidth,
    pad: info.padInfo.left,
  },
];

/** The axes that are pooled over, per kernel. @param shape of the images, with rows and channels */
const axesOf: Readonly<Record<'AvgPool' | 'AvgPool3D', (shape: readonly number[], attributes: Attributes) => Axis[]>> =
  {
    AvgPool: (shape, { filterSize, strides, pad, dimRoundingMode }) =>
      plane(
        tf.backend_util.computePool2DInfo(
          shape as [number, number, number, number],
          filterSize as number,
          strides as number,
          1,
          pad,
          dimRoundingMode,
        ),
      ),
    AvgPool3D: (shape, { filterSize, strides, pad, dimRoundingMode }) => {
      const info = tf.backend_util.computePool3DInfo(
        shape as [number, number, number, number, number],
        filterSize,
        strides,
        1,
        pad,
        dimRoundingMode,
      );
      const { inDepth, outDepth, filterDepth, strideDepth, padInfo } = info;
      const depth = {
        inSize: inDepth,
        outSize: outDepth,
        window: filterDepth,
        stride: strideDepth,
        pad: padInfo.front,
      };
      return [depth, ...plane(info)];
    },
  };

/**
 * Window sizes divided by the counts that averages were taken over, [1, …outputs per axis, 1].
 * @returns undefined if all are 1
 */
function sharesOf(axes: readonly Axis[]): tf.Tensor | undefined {
  const shares = axes.map(sharesAlong);
  if (shares.flat().every((share) => share === 1)) return undefined;
  const values = shares.reduce((outer, inner) => outer.flatMap((a) => inner.map((b) => a * b)));
  return tf.tensor(values, [1, ...axes.map(({ outSize }) => outSize), 1]);
}

const ours = new WeakSet<object>();

/** Once per process; TensorFlow keeps its own. */
export function registerAveragePoolGradient(): void {
  for (const kernel of ['AvgPool', 'AvgPool3D'] as const) {
    const given = tf.getGradient(kernel);
    if (ours.has(given.gradFunc)) continue;
    const gradFunc: typeof given.gradFunc = (dy, saved, attrs) => {
      if (tf.getBackend() === 'tensorflow') return given.gradFunc(dy, saved, attrs);
      const weighted = (): tf.Tensor => {
        const shares = sharesOf(axesOf[kernel](saved[0].shape, attrs as unknown as Attributes));
        return shares ? tf.mul(dy as tf.Tensor, shares) : (dy as tf.Tensor);
      };
      return { x: () => given.gradFunc(weighted(), saved, attrs)['x']() };
    };
    ours.add(gradFunc);
    tf.registerGradient({ ...given, gradFunc });
  }
}
