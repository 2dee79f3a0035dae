// Lines over common axes: learning curves, calibration.
import { Frame, withMarginFor } from './frame.js';
import { linearScale } from './scale.js';
import { svgImage, svgPath, svgText } from './svg.js';

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDashed?: boolean;
}

/** Colours of the models, in all pictures. */
export const colours = { teacher: '#888888', student: '#0072b2', baseline: '#d55e00' } as const;

const size = { width: 460, height: 280, left: 72, top: 36, right: 16, bottom: 44 };

/** @returns SVG for a page; nothing if no value is finite */
export function lineChart(lines: readonly Line[], titles: { x: string; y: string }): string {
  const finite = lines.map((line) => ({ ...line, points: line.points.filter(([, y]) => Number.isFinite(y)) }));
  const points = finite.flatMap((line) => line.points);
  if (points.length === 0) return '';
  const y = linearScale(points.map(([, value]) => value));
  const frame = new Frame(withMarginFor(size, y), { x: linearScale(points.map(([x]) => x)), y });
  const drawn = finite.map(
    ({ name, colour, isDashed, points: own }, i) =>
      svgPath(
        own.map(([x, value]) => frame.at(x, value)),
        `stroke="${colour}" stroke-width="2"${isDashed ? ' stroke-dasharray="4 4"' : ''}`,
      ) + svgText(frame.size.left + 110 * i, 20, name, `fill="${colour}"`),
  );
  return svgImage(size, `${titles.y} over ${titles.x}`, frame.axes(titles) + drawn.join(''));
}
