// A plot of a sweep: the metric over the first axis, with intervals; one panel per combination of the other axes.
import type { Estimate } from '@stillhouse/core/training';
import { Frame } from '../chart/frame.js';
import { colours } from '../chart/line-chart.js';
import { linearScale, listScale, type Scale } from '../chart/scale.js';
import { rounded, svgDot, svgFile, svgLine, svgPath, svgText } from '../chart/svg.js';
import { shownValue, type SweepAxis } from './cells.js';
import type { SweepRow } from './results.js';

const panel = { width: 480, height: 320, left: 72, top: 56, right: 16, bottom: 56 };
const names = ['teacher', 'baseline', 'student'] as const;

/** Mean and interval; a single seed has no interval. */
function endsOf({ mean, halfWidth }: Estimate): number[] {
  return Number.isFinite(halfWidth) ? [mean, mean - halfWidth, mean + halfWidth] : [mean];
}

/** Bars of models at the same place stand next to each other, this many pixels apart. */
const dodged = 7;

/** A model's line over the axis, with one bar per interval. */
function drawModel(name: (typeof names)[number], rows: readonly SweepRow[], frame: Frame<unknown>): string {
  const aside = dodged * (names.indexOf(name) - (names.length - 1) / 2);
  const at = (value: unknown, y: number): [number, number] => {
    const [left, top] = frame.at(value, y);
    return [left + aside, top];
  };
  const points = rows.flatMap((row) => (row[name] ? [{ value: row.values[0], estimate: row[name] }] : []));
  const line = svgPath(
    points.map(({ value, estimate: { mean } }) => at(value, mean)),
    `stroke="${colours[name]}" stroke-width="2"${name === 'teacher' ? ' stroke-dasharray="6 4"' : ''}`,
  );
  const dots = points.map(({ value, estimate }) => {
    const [mean, low, high] = endsOf(estimate);
    const bar = low === undefined ? '' : svgLine(at(value, low), at(value, high), `stroke="${colours[name]}"`);
    const title = `${name}: ${rounded(mean)}${low === undefined ? '' : ` ± ${rounded(estimate.halfWidth)}`}`;
    return bar + svgDot(at(value, mean), { radius: 4, title, more: `fill="${colours[name]}"` });
  });
  return line + dots.join('');
}

function drawPanel(
  rows: readonly SweepRow[],
  scales: { readonly x: Scale<unknown>; readonly y: Scale },
  titles: { readonly panel: string; readonly x: string; readonly y: string },
): string {
  const frame = new Frame(panel, scales);
  return [
    frame.axes(titles),
    svgText(panel.left, 20, titles.panel, 'font-weight="bold"'),
    ...names.map(
      (name, i) => drawModel(name, rows, frame) + svgText(panel.left + 80 * i, 40, name, `fill="${colours[name]}"`),
    ),
  ].join('');
}

/** @returns an SVG file */
export function drawSweep(axes: readonly SweepAxis[], rows: readonly SweepRow[], metric: string): string {
  const axis = axes[0] ?? { path: '', values: [''] };
  const placed = axes.length ? rows : rows.map((row) => ({ ...row, values: [''] }));
  const ends = placed.flatMap((row) => names.flatMap((name) => (row[name] ? endsOf(row[name]) : [])));
  const scales = { x: listScale(axis.values, shownValue), y: linearScale(ends) };
  const groups = new Map<string, SweepRow[]>();
  for (const row of placed) {
    const title = axes
      .slice(1)
      .map(({ path }, i) => `${path} ${JSON.stringify(row.values[i + 1])}`)
      .join(', ');
    groups.set(title, [...(groups.get(title) ?? []), row]);
  }
  const columns = Math.min(3, groups.size);
  const panels = [...groups].map(([title, own], i) => {
    const place = `${(i % columns) * panel.width} ${Math.floor(i / columns) * panel.height}`;
    return (
      '<g ' + `transform="translate(${place})">${drawPanel(own, scales, { panel: title, x: axis.path, y: metric })}</g>`
    );
  });
  const size = { width: columns * panel.width, height: Math.ceil(groups.size / columns) * panel.height };
  return svgFile(size, panels.join(''));
}
