// A confusion matrix: which classes a model confuses.
import { svgBox, svgImage, svgText, textWidth } from './svg.js';

const longest = 28;

/** A class's name, cut to the space that there is. */
const shortened = (name: string): string => (name.length > longest ? `${name.slice(0, longest - 1)}…` : name);

const tilt = -40;

/** @param counts [label][prediction] */
export function confusionChart(counts: readonly (readonly number[])[], names: readonly string[]): string {
  const room = Math.max(...names.map((name) => textWidth(shortened(name))));
  const sine = Math.sin((-tilt * Math.PI) / 180);
  const [left, top] = [40 + room, 44 + room * sine];
  const cell = Math.max(22, Math.min(44, 440 / counts.length));
  const side = counts.length * cell;
  const parts = counts.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, predicted) => {
      const share = total > 0 ? count / total : 0;
      const fill =
        label === predicted
          ? `rgba(0,114,178,${(0.9 * share).toFixed(3)})`
          : `rgba(213,94,0,${Math.min(0.9, 4 * share).toFixed(3)})`;
      const [x, y] = [left + predicted * cell, top + label * cell];
      return (
        svgBox({ x, y, width: cell, height: cell }, `fill="${fill}" stroke="#888" stroke-opacity="0.3"`) +
        svgText(x + cell / 2, y + cell / 2 + 4, count ? String(count) : '', 'text-anchor="middle" font-size="10"')
      );
    });
  });
  names.forEach((name, i) => {
    const [x, y] = [left + (i + 0.5) * cell, top - 8];
    parts.push(
      svgText(left - 6, top + (i + 0.5) * cell + 4, shortened(name), 'text-anchor="end"'),
      svgText(x, y, shortened(name), `transform="rotate(${tilt} ${x} ${y})"`),
    );
  });
  const middle = top + side / 2;
  parts.push(
    svgText(left + side / 2, 20, 'predicted', 'text-anchor="middle"'),
    svgText(16, middle, 'label', `text-anchor="middle" transform="rotate(-90 16 ${middle})"`),
  );
  return svgImage({ width: left + side + 8 + room, height: top + side + 8 }, 'confusion matrix', parts.join(''));
}
