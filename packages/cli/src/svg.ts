// What pictures have in common.

/** Text as it may stand in SVG and HTML. */
export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** A number of an axis. */
export const rounded = (value: number): string => String(Number(value.toPrecision(3)));

/** @param more attributes */
export const svgText = (x: number, y: number, content: string, more = ''): string => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(content)}</text>`;
