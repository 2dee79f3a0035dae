// Resizes images of bytes: each pixel is the mean of those that it covers, weighted by a triangle as wide as two pixels
// of the coarser grid, along one axis after the other. A black border is added afterwards.

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** The pixels that each new pixel is made of, along an axis. */
function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(from - 1, Math.floor(centre + reach));
    const weights = Array.from({ length: last - first + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k - centre) / reach),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

export interface Frame {
  /** Height and width before the border. */
  readonly size: readonly [height: number, width: number];
  /** Pixels of the border, on each side. */
  readonly pad: number;
}

/**
 * @param images [count, height, width, channels]
 * @returns [count, frame height + 2·pad, frame width + 2·pad, channels]
 */
export function resizeImages(
  images: Uint8Array,
  [height, width, channels]: readonly number[],
  { size: [tall, wide], pad }: Frame,
): Uint8Array {
  const count = images.length / (height * width * channels);
  const [rows, columns] = [tapsOf(height, tall), tapsOf(width, wide)];
  const stride = (wide + 2 * pad) * channels;
  const out = new Uint8Array(count * (tall + 2 * pad) * stride);
  const strip = new Float64Array(tall * width * channels);
  for (let n = 0; n < count; n++) {
    const image = images.subarray(n * height * width * channels, (n + 1) * height * width * channels);
    for (let y = 0; y < tall; y++) {
      const { first, weights } = rows[y];
      for (let i = 0; i < width * channels; i++)
        strip[y * width * channels + i] = weights.reduce(
          (sum, weight, k) => sum + weight * image[(first + k) * width * channels + i],
          0,
        );
    }
    const at = n * (tall + 2 * pad) * stride;
    for (let y = 0; y < tall; y++) {
      for (let x = 0; x < wide; x++) {
        const { first, weights } = columns[x];
        for (let c = 0; c < channels; c++) {
          const value = weights.reduce(
            (sum, weight, k) => sum + weight * strip[(y * width + first + k) * channels + c],
            0,
          );
          out[at + (y + pad) * stride + (x + pad) * channels + c] = Math.round(value);
        }
      }
    }
  }
  return out;
}
