// What pictures have in common.

/** Text as it may stand in SVG and HTML. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** A number of an axis. */
export const rounded = (value: number): string => String(Number(value.toPrecision(3)));

/** @param more attributes */
export const svgText = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(content)}</text>`;

/** About five round numbers at even distances, between whose first and last all values lie. */
export function steps(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const largest = Math.max(Math.abs(low), Math.abs(high));
  // Values that are all but equal stand in the middle of a scale of their own size.
  const distance = (high - low > 1e-6 * largest ? high - low : largest || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(distance));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= distance * 0.999)!;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
