// Pictures of a report, as SVG.
import { escaped, steps } from '../chart/svg.js';

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export const colours = { teacher: '#888888', student: '#0072b2', baseline: '#d55e00' } as const;

const size = { width: 460, height: 280, left: 64, top: 36, right: 16, bottom: 44 };

/** Lines over common axes. */
export function lineChart(lines: readonly Line[], labels: { x: string; y: string }): string {
  const points = lines.flatMap((line) => line.points.filter(([, y]) => Number.isFinite(y)));
  if (points.length === 0) return '';
  const marksX = steps(points.map(([x]) => x));
  const marksY = steps(points.map(([, y]) => y));
  const [lowX, highX, lowY, highY] = [marksX[0], marksX.at(-1)!, marksY[0], marksY.at(-1)!];
  const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };
  const x = (value: number): string => (size.left + ((value - lowX) / (highX - lowX)) * inner.width).toFixed(1);
  const y = (value: number): string => (size.top + (1 - (value - lowY) / (highY - lowY)) * inner.height).toFixed(1);
  const parts = [
    ...marksY.flatMap((at) => [
      `<line x1="${size.left}" x2="${size.width - size.right}" y1="${y(at)}" y2="${y(at)}" stroke="#eee"/>`,
      `<text x="${size.left - 6}" y="${Number(y(at)) + 4}" text-anchor="end">${at}</text>`,
    ]),
    ...marksX.map((at) => `<text x="${x(at)}" y="${size.height - size.bottom + 16}" text-anchor="middle">${at}</text>`),
  ];
  lines.forEach(({ name, colour, points: own }, i) => {
    const finite = own.filter(([, value]) => Number.isFinite(value));
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${finite.map(([px, py]) => `${x(px)},${y(py)}`).join(' ')}"/>`,
    );
    parts.push(`<text x="${size.left + 110 * i}" y="20" fill="${colour}">${escaped(name)}</text>`);
  });
  parts.push(
    `<text x="${size.left + inner.width / 2}" y="${size.height - 8}" text-anchor="middle">${escaped(labels.x)}</text>`,
  );
  parts.push(
    `<text x="14" y="${size.top + inner.height / 2}" text-anchor="middle" transform="rotate(-90 14 ${size.top + inner.height / 2})">${escaped(labels.y)}</text>`,
  );
  return `<svg viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" role="img" aria-label="${escaped(`${labels.y} over ${labels.x}`)}">${parts.join('')}</svg>`;
}

/** Counts of [label][prediction]. */
export function confusionChart(counts: readonly (readonly number[])[], names: readonly string[]): string {
  const cell = Math.max(22, Math.min(44, 440 / counts.length));
  const [left, top] = [88, 60];
  const parts = counts.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, predicted) => {
      const share = total > 0 ? count / total : 0;
      const fill =
        label === predicted
          ? `rgba(0,114,178,${(0.9 * share).toFixed(3)})`
          : `rgba(213,94,0,${Math.min(0.9, 4 * share).toFixed(3)})`;
      return `<g><rect x="${left + predicted * cell}" y="${top + label * cell}" width="${cell}" height="${cell}" fill="${fill}" stroke="#eee"/><text x="${left + (predicted + 0.5) * cell}" y="${top + (label + 0.5) * cell + 4}" text-anchor="middle" font-size="10">${count || ''}</text></g>`;
    });
  });
  names.forEach((name, i) => {
    parts.push(
      `<text x="${left - 6}" y="${top + (i + 0.5) * cell + 4}" text-anchor="end">${escaped(name.slice(0, 12))}</text>`,
    );
    parts.push(
      `<text x="${left + (i + 0.5) * cell}" y="${top - 8}" text-anchor="middle">${escaped(name.slice(0, Math.max(2, Math.floor(cell / 7))))}</text>`,
    );
  });
  parts.push(
    `<text x="${left + (counts.length * cell) / 2}" y="20" text-anchor="middle">predicted</text><text x="16" y="${top + (counts.length * cell) / 2}" text-anchor="middle" transform="rotate(-90 16 ${top + (counts.length * cell) / 2})">label</text>`,
  );
  const side = counts.length * cell;
  return `<svg viewBox="0 0 ${left + side + 8} ${top + side + 8}" width="${left + side + 8}" role="img" aria-label="confusion matrix">${parts.join('')}</svg>`;
}

/** An image [height, width, 1 or 3] in any range of numbers, as a BMP in a data address. */
export function imageOf(pixels: ArrayLike<number>, [height, width, channels]: readonly number[]): string {
  const values = Array.from(pixels);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const byte = (value: number): number => Math.round((255 * (value - low)) / (high - low || 1));
  const stride = 4 * Math.ceil((3 * width) / 4);
  const bytes = Buffer.alloc(54 + stride * height);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  // Rows from the top.
  bytes.writeInt32LE(-height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        bytes[54 + y * stride + 3 * x + c] = byte(values[(y * width + x) * channels + (channels === 3 ? 2 - c : 0)]);
  }
  return `<img alt="" width="${Math.max(56, width)}" style="image-rendering:pixelated" src="data:image/bmp;base64,${bytes.toString('base64')}">`;
}
