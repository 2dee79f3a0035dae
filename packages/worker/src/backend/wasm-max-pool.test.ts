import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { tf } from '@stillhouse/native/tfjs';
import { openBackend } from './open-backend.js';

beforeAll(() => openBackend('wasm', { threads: 1, probe: () => Promise.resolve() }));

const pools = fc
  .record({
    height: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 7 }),
    channels: fc.integer({ min: 1, max: 3 }),
    size: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    pad: fc.constantFrom('valid' as const, 'same' as const),
  })
  .filter(({ height, width, size, pad }) => pad === 'same' || size <= Math.min(height, width));

/** The gradient by definition, added in fp32 in the order of the window's positions. */
function gradientOf(
  x: Float32Array,
  dy: Float32Array,
  info: ReturnType<typeof tf.backend_util.computePool2DInfo>,
): Float32Array {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, strideHeight, strideWidth, padInfo } = info;
  const { filterHeight, filterWidth } = info;
  const chosen = Array.from({ length: dy.length }, (_, out) => {
    const [channel, z, y] = [
      out % inChannels,
      Math.floor(out / inChannels) % outWidth,
      Math.floor(out / inChannels / outWidth),
    ];
    let best: { place: number; at: number } | undefined;
    for (let place = 0; place < filterHeight * filterWidth; place++) {
      const row = y * strideHeight + Math.floor(place / filterWidth) - padInfo.top;
      const column = z * strideWidth + (place % filterWidth) - padInfo.left;
      if (row < 0 || row >= inHeight || column < 0 || column >= inWidth) continue;
      const at = (row * inWidth + column) * inChannels + channel;
      if (best === undefined || x[at] > x[best.at]) best = { place, at };
    }
    return best!;
  });
  const dx = new Float32Array(x.length);
  for (let place = 0; place < filterHeight * filterWidth; place++)
    chosen.forEach((best, out) => {
      if (best.place === place) dx[best.at] += dy[out];
    });
  expect(outHeight * outWidth * inChannels).toBe(dy.length);
  return dx;
}

test('each output gives its gradient to the first maximum of its window, to the bit', () => {
  fc.assert(
    fc.property(
      pools,
      fc.infiniteStream(fc.integer({ min: -3, max: 3 })),
      ({ height, width, channels, ...pool }, numbers) => {
        const next = (): number => numbers.next().value! / 3;
        const x = Float32Array.from({ length: height * width * channels }, next);
        const shape: [number, number, number, number] = [1, height, width, channels];
        const info = tf.backend_util.computePool2DInfo(shape, pool.size, pool.stride, 1, pool.pad);
        const dy = Float32Array.from({ length: info.outHeight * info.outWidth * channels }, next);
        const gradient = tf.tidy(() =>
          tf
            .grad((images: tf.Tensor) => tf.maxPool(images as tf.Tensor4D, pool.size, pool.stride, pool.pad))(
              tf.tensor4d(x, shape),
              tf.tensor4d(dy, info.outShape),
            )
            .dataSync(),
        );
        expect(Float32Array.from(gradient)).toEqual(gradientOf(x, dy, info));
      },
    ),
  );
});
