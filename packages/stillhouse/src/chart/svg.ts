// The marks that pictures consist of, as SVG.
import { formatValue } from '@stillhouse/core';

/** Text escaped for SVG and HTML. */
export const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

/** A number in readable form. */
export const rounded = (value: number): string => formatValue(Number(value.toPrecision(3)));

/** About how wide a text is at most, in pixels, at the sizes that pictures use. */
export const textWidth = (text: string): number => 6.5 * text.length;

const pixel = (value: number): string => value.toFixed(1);

/** @param more attributes */
export const svgText = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${pixel(x)}" y="${pixel(y)}" ${more}>${escaped(content)}</text>`;

export const svgLine = (from: readonly [number, number], to: readonly [number, number], more: string): string =>
  `<line x1="${pixel(from[0])}" y1="${pixel(from[1])}" x2="${pixel(to[0])}" y2="${pixel(to[1])}" ${more}/>`;

export const svgPath = (points: readonly (readonly [number, number])[], more: string): string =>
  `<polyline fill="none" points="${points.map(([x, y]) => `${pixel(x)},${pixel(y)}`).join(' ')}" ${more}/>`;

export const svgBox = (box: { x: number; y: number; width: number; height: number }, more: string): string =>
  `<rect x="${pixel(box.x)}" y="${pixel(box.y)}" width="${pixel(box.width)}" height="${pixel(box.height)}" ${more}/>`;

/** @param title shown where a pointer rests on the dot */
export const svgDot = (
  [x, y]: readonly [number, number],
  { radius, title, more }: { radius: number; title: string; more: string },
): string =>
  `<circle cx="${pixel(x)}" cy="${pixel(y)}" r="${radius}" ${more}><title>${escaped(title)}</title></circle>`;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A separate file. */
export const svgFile = ({ width, height }: Size, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" ` +
  `font-size="12" fill="#000"><rect width="100%" height="100%" fill="#fff"/>${content}</svg>\n`;

/** A part of a page. */
export const svgImage = ({ width, height }: Size, label: string, content: string): string =>
  `<svg viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escaped(label)}">${content}</svg>`;
