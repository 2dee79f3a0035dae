// A plot of a sweep: the metric over the first axis, with intervals; a panel for each combination of the others.
import type { Estimate, MetricName } from '@stillhouse/core';
import { shownValue, type Axis } from './cells.js';
import { rounded, steps, svgText } from '../chart/svg.js';
import type { Row } from './results.js';

const panel = { width: 480, height: 320, left: 72, top: 56, right: 16, bottom: 56 };
const lines = [
  ['teacher', '#888888'],
  ['baseline', '#d55e00'],
  ['student', '#0072b2'],
] as const;

/** Places of an axis's values: on a logarithmic scale if they spread over a decade or more, evenly if they are no numbers. */
function placesOf(values: readonly unknown[]): number[] {
  const numbers = values.map(Number);
  if (!values.every((value) => typeof value === 'number'))
    return values.map((_, i) => (values.length === 1 ? 0.5 : i / (values.length - 1)));
  const scale =
    Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 10 ? Math.log : (value: number) => value;
  const [low, high] = [scale(Math.min(...numbers)), scale(Math.max(...numbers))];
  return numbers.map((value) => (high > low ? (scale(value) - low) / (high - low) : 0.5));
}

function drawPanel(
  axis: Axis,
  rows: readonly Row[],
  { metric, marks, title }: { metric: MetricName; marks: readonly number[]; title: string },
): string {
  const [low, high] = [marks[0], marks.at(-1)!];
  const places = placesOf(axis.values);
  const inner = { width: panel.width - panel.left - panel.right, height: panel.height - panel.top - panel.bottom };
  const x = (value: unknown): number =>
    panel.left +
    (0.04 + 0.92 * places[axis.values.findIndex((each) => JSON.stringify(each) === JSON.stringify(value))]) *
      inner.width;
  const y = (value: number): number => panel.top + (1 - (value - low) / (high - low)) * inner.height;
  const parts = [
    `<rect x="${panel.left}" y="${panel.top}" width="${inner.width}" height="${inner.height}" fill="none" stroke="#ccc"/>`,
    svgText(panel.left, 20, title, 'font-weight="bold"'),
  ];
  for (const value of marks) {
    parts.push(
      `<line x1="${panel.left}" x2="${panel.left + inner.width}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#eee"/>`,
      svgText(panel.left - 6, y(value) + 4, String(value), 'text-anchor="end"'),
    );
  }
  for (const value of axis.values)
    parts.push(svgText(x(value), panel.height - panel.bottom + 18, shownValue(value), 'text-anchor="middle"'));
  parts.push(
    svgText(panel.left + inner.width / 2, panel.height - 12, axis.path, 'text-anchor="middle"'),
    svgText(panel.left, 40, metric),
  );
  lines.forEach(([name, colour], i) => {
    const points = rows.flatMap((row): { at: number; estimate: Estimate }[] =>
      row[name] ? [{ at: x(row.values[0]), estimate: row[name] }] : [],
    );
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2"${name === 'teacher' ? ' stroke-dasharray="6 4"' : ''} points="${points.map(({ at, estimate: { mean } }) => `${at.toFixed(1)},${y(mean).toFixed(1)}`).join(' ')}"/>`,
    );
    for (const {
      at,
      estimate: { mean, halfWidth },
    } of points) {
      if (Number.isFinite(halfWidth))
        parts.push(
          `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${y(Math.min(high, mean + halfWidth)).toFixed(1)}" y2="${y(Math.max(low, mean - halfWidth)).toFixed(1)}" stroke="${colour}"/>`,
        );
      parts.push(
        `<circle cx="${at.toFixed(1)}" cy="${y(mean).toFixed(1)}" r="4" fill="${colour}"><title>${name}: ${rounded(mean)}${Number.isFinite(halfWidth) ? ` ± ${rounded(halfWidth)}` : ''}</title></circle>`,
      );
    }
    parts.push(svgText(panel.left + 80 + 80 * i, 40, name, `fill="${colour}"`));
  });
  return parts.join('');
}

/** @returns an SVG file */
export function drawSweep(axes: readonly Axis[], rows: readonly Row[], metric: MetricName): string {
  const axis = axes[0] ?? { path: '', values: [''] };
  const placed = axes.length ? rows : rows.map((row) => ({ ...row, values: [''] }));
  const ends = placed.flatMap(({ teacher, student, baseline }) =>
    [teacher, student, baseline].flatMap((each) =>
      each
        ? [
            each.mean,
            ...(Number.isFinite(each.halfWidth) ? [each.mean - each.halfWidth, each.mean + each.halfWidth] : []),
          ]
        : [],
    ),
  );
  const marks = steps(ends);
  const groups = new Map<string, Row[]>();
  for (const row of placed) {
    const title = axes
      .slice(1)
      .map(({ path }, i) => `${path} ${JSON.stringify(row.values[i + 1])}`)
      .join(', ');
    groups.set(title, [...(groups.get(title) ?? []), row]);
  }
  const columns = Math.min(3, groups.size);
  const [width, height] = [columns * panel.width, Math.ceil(groups.size / columns) * panel.height];
  const panels = [...groups].map(
    ([title, own], i) =>
      `<g transform="translate(${(i % columns) * panel.width} ${Math.floor(i / columns) * panel.height})">${drawPanel(axis, own, { metric, marks, title })}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${panels.join('')}</svg>\n`;
}
