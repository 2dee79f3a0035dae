// Gradients of convolutions, composed from ops that TFJS's wasm backend has: some of its own are missing, and one is
// slow.
import { tf } from '@stillhouse/native/tfjs';
import { replaceWasmKernel } from './wasm-kernels.js';

type Pad = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];
type Rounding = Parameters<typeof tf.backend_util.computeConv2DInfo>[5];

interface Attributes {
  readonly strides: number | [number, number];
  readonly dilations?: number | [number, number];
  readonly pad: Pad;
  readonly dimRoundingMode: Rounding;
}

type Shape4D = [number, number, number, number];

/** Sizes of a convolution, and how its input is padded. */
function geometryOf(
  inputShape: Shape4D,
  filterShape: Shape4D,
  { strides, dilations = 1, pad, dimRoundingMode }: Attributes,
  depthwise: boolean,
): tf.backend_util.Conv2DInfo {
  return tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    depthwise,
  );
}

/** Rows and columns of the padded input that some output depends on. */
function usedSize(info: tf.backend_util.Conv2DInfo): [height: number, width: number] {
  return [
    (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight,
    (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth,
  ];
}

/**
 * The input, padded as the convolution pads it and cut to what outputs depend on: [batch, used height, used width,
 * channels].
 */
function padded(x: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const { top, left, bottom, right } = info.padInfo;
  const whole =
    top + left + bottom + right > 0
      ? tf.pad(x, [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ])
      : x;
  const [height, width] = usedSize(info);
  return tf.slice(whole, [0, 0, 0, 0], [info.batchSize, height, width, info.inChannels]);
}

/** A position in a filter or window, with its offset in the padded input. */
interface Place {
  readonly i: number;
  readonly j: number;
  readonly top: number;
  readonly left: number;
}

function places(info: tf.backend_util.Conv2DInfo): Place[] {
  const { filterHeight, filterWidth, dilationHeight, dilationWidth } = info;
  return Array.from({ length: filterHeight * filterWidth }, (_, place) => {
    const [i, j] = [Math.floor(place / filterWidth), place % filterWidth];
    return { i, j, top: i * dilationHeight, left: j * dilationWidth };
  });
}

/** The first of every `step` entries of an axis, `count` of them, by slicing a matrix: strided slices are slow. */
function everyNth(x: tf.Tensor, axis: number, { step, count }: { step: number; count: number }): tf.Tensor {
  if (step === 1) return x;
  const whole = tf.pad(
    x,
    x.shape.map((size, i) => [0, i === axis ? step * count - size : 0]),
  );
  const inner = x.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const outer = x.shape.slice(0, axis).reduce((product, size) => product * size, 1);
  const matrix = tf.reshape<tf.Rank.R2>(whole, [outer * count, step * inner]);
  return tf.reshape(
    tf.slice(matrix, [0, 0], [outer * count, inner]),
    x.shape.map((size, i) => (i === axis ? count : size)),
  );
}

/** What each output sees at a position: `images` with the output height and width on the two axes from `axis` on. */
function seenFrom({ top, left }: Place, images: tf.Tensor4D, info: tf.backend_util.Conv2DInfo, axis = 1): tf.Tensor4D {
  const { outHeight, outWidth, strideHeight, strideWidth } = info;
  const along = (rest: readonly number[], height: number, width: number): Shape4D =>
    rest.map((value, i) => (i === axis ? height : i === axis + 1 ? width : value)) as Shape4D;
  const part = tf.slice(
    images,
    along([0, 0, 0, 0], top, left),
    along(images.shape, (outHeight - 1) * strideHeight + 1, (outWidth - 1) * strideWidth + 1),
  );
  return everyNth(everyNth(part, axis, { step: strideHeight, count: outHeight }), axis + 1, {
    step: strideWidth,
    count: outWidth,
  }) as tf.Tensor4D;
}

/**
 * dW[i, j, c, k] = Σ x[b, s·y + i, s·z + j, c] · dy[b, y, z, k]: for each position of the filter one matrix product.
 * Its left operand is a slice of the transposed images, the layout in which the product is fast.
 */
function filterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const { batchSize, inChannels, outChannels, outHeight, outWidth } = info;
  const images = tf.transpose(padded(x, info), [3, 0, 1, 2]);
  const outer = tf.reshape(dy, [batchSize * outHeight * outWidth, outChannels]);
  const rows = places(info).map((place) =>
    tf.matMul(tf.reshape(seenFrom(place, images, info, 2), [inChannels, batchSize * outHeight * outWidth]), outer),
  );
  return tf.reshape(tf.stack(rows), info.filterShape);
}

/** dy as [batch, out height, out width, channels, multiplier]. */
const byChannel = (dy: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor5D =>
  tf.reshape(dy, [info.batchSize, info.outHeight, info.outWidth, info.inChannels, info.outChannels / info.inChannels]);

/** dW[i, j, c, m] = Σ x[b, s·y + i, s·z + j, c] · dy[b, y, z, c·m]. */
function depthwiseFilterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const { batchSize, inChannels, outHeight, outWidth } = info;
  const images = padded(x, info);
  const outer = byChannel(dy, info);
  const rows = places(info).map((place) =>
    tf.sum(
      tf.mul(tf.reshape(seenFrom(place, images, info), [batchSize, outHeight, outWidth, inChannels, 1]), outer),
      [0, 1, 2],
    ),
  );
  return tf.reshape(tf.stack(rows), info.filterShape);
}

/** Puts zeros between the rows and columns of an image, so that they are `stride` apart. */
function spread(image: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return image;
  const [batch, height, width, channels] = image.shape;
  const apart = tf.pad(tf.reshape(image, [batch, height, 1, width, 1, channels]), [
    [0, 0],
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  const rows = tf.reshape<tf.Rank.R4>(apart, [batch, height * strideHeight, width * strideWidth, channels]);
  return tf.slice(
    rows,
    [0, 0, 0, 0],
    [batch, (height - 1) * strideHeight + 1, (width - 1) * strideWidth + 1, channels],
  );
}

/**
 * From the padded and cut input back to the input itself: rows and columns that no output depends on have no gradient.
 */
function unpadded(canvas: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const [height, width] = usedSize(info);
  const { inHeight, inWidth, inChannels, batchSize, padInfo } = info;
  const whole = tf.pad(canvas, [
    [0, 0],
    [0, Math.max(0, inHeight + padInfo.top - height)],
    [0, Math.max(0, inWidth + padInfo.left - width)],
    [0, 0],
  ]);
  return tf.slice(whole, [0, padInfo.top, padInfo.left, 0], [batchSize, inHeight, inWidth, inChannels]);
}

/**
 * Sums, per position, the gradient of each output [batch, out height, out width, channels] for the input that it sees
 * there.
 */
function gather(
  shares: readonly { place: Place; share: tf.Tensor4D }[],
  info: tf.backend_util.Conv2DInfo,
): tf.Tensor4D {
  const [height, width] = usedSize(info);
  const canvases = shares.map(({ place: { top, left }, share }) => {
    const wide = spread(share, info.strideHeight, info.strideWidth);
    return tf.pad(wide, [
      [0, 0],
      [top, height - top - wide.shape[1]],
      [left, width - left - wide.shape[2]],
      [0, 0],
    ]);
  });
  return unpadded(tf.addN(canvases), info);
}

/**
 * dx[b, s·y + i, s·z + j, c] = Σ_k dy[b, y, z, k] · w[i, j, c, k]: a convolution of dy, spread by the strides, with the
 * filter turned around.
 */
function inputGradient(dy: tf.Tensor4D, filter: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const [rows, columns] = [info.effectiveFilterHeight - 1, info.effectiveFilterWidth - 1];
  const wide = tf.pad(spread(dy, info.strideHeight, info.strideWidth), [
    [0, 0],
    [rows, rows],
    [columns, columns],
    [0, 0],
  ]);
  const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return unpadded(tf.conv2d(wide, turned, 1, 'valid', 'NHWC', [info.dilationHeight, info.dilationWidth]), info);
}

/** dx[b, s·y + i, s·z + j, c] = Σ_m dy[b, y, z, c·m] · w[i, j, c, m], summed over the filter's positions. */
function depthwiseInputGradient(dy: tf.Tensor4D, filter: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  const outer = byChannel(dy, info);
  const multiplier = info.outChannels / info.inChannels;
  return gather(
    places(info).map((place) => {
      const weights = tf.reshape(tf.slice(filter, [place.i, place.j, 0, 0], [1, 1, info.inChannels, multiplier]), [
        1,
        1,
        1,
        info.inChannels,
        multiplier,
      ]);
      return { place, share: tf.sum(tf.mul(outer, weights), 4) };
    }),
    info,
  );
}

type Kernel = (args: {
  inputs: Record<string, tf.Tensor4D>;
  attrs: Attributes & { filterShape: Shape4D; inputShape: Shape4D };
}) => tf.Tensor;

const kernels: Record<string, Kernel> = {
  Conv2DBackpropFilter: ({ inputs: { x, dy }, attrs }) =>
    filterGradient(x, dy, geometryOf(x.shape, attrs.filterShape, attrs, false)),
  Conv2DBackpropInput: ({ inputs: { dy, filter }, attrs }) =>
    inputGradient(dy, filter, geometryOf(attrs.inputShape, filter.shape, attrs, false)),
  DepthwiseConv2dNativeBackpropFilter: ({ inputs: { x, dy }, attrs }) =>
    depthwiseFilterGradient(x, dy, geometryOf(x.shape, attrs.filterShape, attrs, true)),
  DepthwiseConv2dNativeBackpropInput: ({ inputs: { dy, filter }, attrs }) =>
    depthwiseInputGradient(dy, filter, geometryOf(attrs.inputShape, filter.shape, attrs, true)),
};

export function registerConvolutionGradients(): void {
  for (const [name, kernel] of Object.entries(kernels))
    replaceWasmKernel(name, () => kernel as unknown as tf.KernelFunc);
}
