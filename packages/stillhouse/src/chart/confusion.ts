// A confusion matrix: which classes a model confuses.
import { svgBox, svgImage, svgText } from './svg.js';

const [left, top] = [88, 60];

/** @param counts [label][prediction] */
export function confusionChart(counts: readonly (readonly number[])[], names: readonly string[]): string {
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
        svgBox({ x, y, width: cell, height: cell }, `fill="${fill}" stroke="#eee"`) +
        svgText(x + cell / 2, y + cell / 2 + 4, count ? String(count) : '', 'text-anchor="middle" font-size="10"')
      );
    });
  });
  const shown = Math.max(2, Math.floor(cell / 7));
  names.forEach((name, i) =>
    parts.push(
      svgText(left - 6, top + (i + 0.5) * cell + 4, name.slice(0, 12), 'text-anchor="end"'),
      svgText(left + (i + 0.5) * cell, top - 8, name.slice(0, shown), 'text-anchor="middle"'),
    ),
  );
  const middle = top + side / 2;
  parts.push(
    svgText(left + side / 2, 20, 'predicted', 'text-anchor="middle"'),
    svgText(16, middle, 'label', `text-anchor="middle" transform="rotate(-90 16 ${middle})"`),
  );
  return svgImage({ width: left + side + 8, height: top + side + 8 }, 'confusion matrix', parts.join(''));
}
