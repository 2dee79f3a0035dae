// Dots over two axes with a line that they would lie on if a model were perfect.
import { Frame, withMarginFor } from './frame.js';
import { linearScale } from './scale.js';
import { svgImage, svgPath } from './svg.js';

const size = { width: 340, height: 280, left: 72, top: 16, right: 16, bottom: 44 };

export type Point = readonly [x: number, y: number];

export interface ScatterFacts {
  readonly colour: string;
  readonly titles: { readonly x: string; readonly y: string };
  /** What y would be at x. */
  readonly perfect: (x: number) => number;
}

/** @returns SVG for a page; nothing if no point is finite */
export function scatterChart(points: readonly Point[], { colour, titles, perfect }: ScatterFacts): string {
  const finite = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (finite.length === 0) return '';
  const xs = finite.map(([x]) => x);
  const ends = [Math.min(...xs), Math.max(...xs)];
  const ys = [...finite.map(([, y]) => y), ...ends.map(perfect)];
  const y = linearScale(ys);
  const frame = new Frame(withMarginFor(size, y), { x: linearScale(xs), y });
  const line = svgPath(
    ends.map((x) => frame.at(x, perfect(x))),
    'stroke="#999"',
  );
  const dots = finite.map(([x, y]) => {
    const [left, top] = frame.at(x, y);
    return `<circle cx="${left.toFixed(1)}" cy="${top.toFixed(1)}" r="2" fill="${colour}" fill-opacity="0.4"/>`;
  });
  return svgImage(size, `${titles.y} over ${titles.x}`, frame.axes(titles) + line + dots.join(''));
}
