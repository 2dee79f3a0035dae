// Rows that are images, as pictures embedded in a page.

/**
 * A row as a PNG in a data URL.
 * @param pixels [height, width, 1 or 3] in any range of numbers, which is mapped to black … white
 */
export async function imageOf(
  pixels: ArrayLike<number>,
  [height, width, channels]: readonly number[],
): Promise<string> {
  // Only a report about images needs it.
  const { default: sharp } = await import('sharp');
  const values = Array.from(pixels);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const bytes = Uint8Array.from(values, (value) => Math.round((255 * (value - low)) / (high - low || 1)));
  const raw = { width, height, channels: channels as 1 | 3 };
  const png = await sharp(bytes, { raw }).png().toBuffer();
  return (
    `<img alt="" width="${Math.max(56, width)}" style="image-rendering:pixelated" ` +
    `src="data:image/png;base64,${png.toString('base64')}">`
  );
}
