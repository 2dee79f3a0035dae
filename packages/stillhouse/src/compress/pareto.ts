// Size against error: a table, and a plot with the front of those that no other model beats.
import { alignColumns, grouped, markdownTable } from '../summary.js';
import { escaped, steps, svgText } from '../chart/svg.js';
import type { CompressedModel } from './compress.js';

function errorText({ error, interval: [low, high], metrics }: CompressedModel): string {
  return metrics.accuracy === undefined
    ? `${error.toFixed(4)} (${low.toFixed(4)}–${high.toFixed(4)})`
    : `${(100 * error).toFixed(2)} % (${(100 * low).toFixed(2)}–${(100 * high).toFixed(2)})`;
}

function cells(models: readonly CompressedModel[]): string[][] {
  const backends = [...new Set(models.flatMap(({ rowMs }) => Object.keys(rowMs)))];
  const header = [
    'model',
    'weights',
    'bytes',
    'gzipped',
    'zeros',
    models[0].metrics.accuracy === undefined ? 'test rmse' : 'test error',
    ...backends.map((name) => `ms a row, ${name}`),
    '',
  ];
  return [
    header,
    ...models.map((model) => [
      model.from,
      model.format,
      grouped(model.bytes),
      grouped(model.gzippedBytes),
      `${(100 * model.sparsity).toFixed(0)} %`,
      errorText(model),
      ...backends.map((name) => (model.rowMs as Record<string, number>)[name].toFixed(3)),
      model.isFront ? 'front' : '',
    ]),
  ];
}

export const compressTable = (models: readonly CompressedModel[]): string =>
  alignColumns(cells(models), ['left', 'left']);

export const compressMarkdown = (models: readonly CompressedModel[]): string => markdownTable(cells(models));

const size = { width: 640, height: 420, left: 72, top: 40, right: 180, bottom: 56 };
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const shapes = { fp32: 5, fp16: 4, uint8: 3 } as const;

/** @returns an SVG file; dots are larger the more bits a weight has */
export function drawPareto(models: readonly CompressedModel[]): string {
  const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };
  const logs = models.map(({ gzippedBytes }) => Math.log(gzippedBytes));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const marks = steps(models.flatMap(({ interval }) => interval));
  const [bottom, top] = [marks[0], marks.at(-1)!];
  const x = (bytes: number): number =>
    size.left + (0.04 + 0.92 * (high > low ? (Math.log(bytes) - low) / (high - low) : 0.5)) * inner.width;
  const y = (error: number): number => size.top + (1 - (error - bottom) / (top - bottom)) * inner.height;
  const names = [...new Set(models.map(({ from }) => from))];
  const parts = [
    `<rect x="${size.left}" y="${size.top}" width="${inner.width}" height="${inner.height}" fill="none" stroke="#ccc"/>`,
  ];
  for (const error of marks)
    parts.push(
      `<line x1="${size.left}" x2="${size.left + inner.width}" y1="${y(error).toFixed(1)}" y2="${y(error).toFixed(1)}" stroke="#eee"/>`,
      svgText(size.left - 6, y(error) + 4, String(error), 'text-anchor="end"'),
    );
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const bytes = Math.exp(low + share * (high - low));
    parts.push(svgText(x(bytes), size.height - size.bottom + 18, grouped(Math.round(bytes)), 'text-anchor="middle"'));
  }
  const front = models.filter(({ isFront }) => isFront).sort((a, b) => a.gzippedBytes - b.gzippedBytes);
  parts.push(
    `<polyline fill="none" stroke="#888" stroke-dasharray="4 4" points="${front.map(({ gzippedBytes, error }) => `${x(gzippedBytes).toFixed(1)},${y(error).toFixed(1)}`).join(' ')}"/>`,
  );
  for (const model of models) {
    const colour = palette[names.indexOf(model.from) % palette.length];
    const at = x(model.gzippedBytes).toFixed(1);
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${y(model.interval[0]).toFixed(1)}" y2="${y(model.interval[1]).toFixed(1)}" stroke="${colour}" stroke-opacity="0.4"/>`,
    );
    parts.push(
      `<circle cx="${at}" cy="${y(model.error).toFixed(1)}" r="${shapes[model.format]}" fill="${colour}"><title>${escaped(`${model.from}, ${model.format}: ${errorText(model)}, ${grouped(model.gzippedBytes)} bytes`)}</title></circle>`,
    );
  }
  names.forEach((name, i) =>
    parts.push(
      svgText(size.left + inner.width + 12, size.top + 16 + 18 * i, name, `fill="${palette[i % palette.length]}"`),
    ),
  );
  parts.push(
    svgText(size.left + inner.width / 2, size.height - 12, 'bytes of the weights, gzipped', 'text-anchor="middle"'),
    svgText(size.left, 24, models[0].metrics.accuracy === undefined ? 'test rmse' : 'share of wrong test rows'),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`;
}
