// Size against error: a table, and a plot with the Pareto front.
import { formatCount, formatNumber, formatShare } from '../tables.js';
import { Frame } from '../chart/frame.js';
import { linearScale, logScale } from '../chart/scale.js';
import { svgDot, svgFile, svgLine, svgPath, svgText } from '../chart/svg.js';
import type { CompressedModel } from './compressed-model.js';

function errorText({ error, interval: [low, high], metrics }: CompressedModel): string {
  return metrics.accuracy === undefined
    ? `${formatNumber(error)} (${formatNumber(low)}–${formatNumber(high)})`
    : `${formatShare(error)} (${formatShare(low)}–${formatShare(high)})`;
}

/** The table of compressed models as rows of cells, the first of them the header. */
export function compressTable(models: readonly CompressedModel[]): string[][] {
  const backends = [...new Set(models.flatMap(({ rowMs }) => Object.keys(rowMs)))];
  const header = [
    'model',
    'weights',
    'bytes',
    'gzipped',
    'zeros',
    models[0].metrics.accuracy === undefined ? 'test rmse' : 'test error',
    ...backends.map((name) => `ms per row, ${name}`),
    '',
  ];
  return [
    header,
    ...models.map((model) => [
      model.from,
      model.format,
      formatCount(model.bytes),
      formatCount(model.gzippedBytes),
      formatShare(model.sparsity),
      errorText(model),
      ...backends.map((name) => formatNumber((model.rowMs as Record<string, number>)[name], 3)),
      model.isFront ? 'front' : '',
    ]),
  ];
}

const size = { width: 640, height: 420, left: 72, top: 40, right: 180, bottom: 56 };
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const radii = { fp32: 5, fp16: 4, uint8: 3 } as const;

const labelSize = { width: 34, height: 11 };

/** Where labels of dots begin: to the right of their dot, or lower if another label is there. */
export function labelPlaces(dots: readonly (readonly [x: number, y: number])[]): [x: number, y: number][] {
  const { width, height } = labelSize;
  const places: [number, number][] = [];
  for (const [x, y] of dots) {
    const place: [number, number] = [x + 8, y + 4];
    const isTaken = ([otherX, otherY]: readonly [number, number]): boolean =>
      Math.abs(otherX - place[0]) < width && Math.abs(otherY - place[1]) < height;
    for (let taken = places.find(isTaken); taken; taken = places.find(isTaken)) place[1] = taken[1] + height;
    places.push(place);
  }
  return places;
}

/** @returns an SVG file; dots are larger the more bits a weight has */
export function drawPareto(models: readonly CompressedModel[]): string {
  const sizes = models.map(({ gzippedBytes }) => gzippedBytes);
  const frame = new Frame(size, {
    x: logScale(sizes, (bytes) => formatCount(Math.round(bytes))),
    y: linearScale(models.flatMap(({ interval }) => interval)),
  });
  const names = [...new Set(models.map(({ from }) => from))];
  const colourOf = (name: string): string => palette[names.indexOf(name) % palette.length];
  const front = models.filter(({ isFront }) => isFront).sort((a, b) => a.gzippedBytes - b.gzippedBytes);
  const dots = models.map((model) => {
    const { from, format, gzippedBytes: bytes, error, interval } = model;
    const [low, high] = interval.map((end) => frame.at(bytes, end));
    const title = `${from}, ${format}: ${errorText(model)}, ${formatCount(bytes)} bytes`;
    return (
      svgLine(low, high, `stroke="${colourOf(from)}" stroke-opacity="0.4"`) +
      svgDot(frame.at(bytes, error), { radius: radii[format], title, more: `fill="${colourOf(from)}"` })
    );
  });
  const labels = labelPlaces(models.map(({ gzippedBytes, error }) => frame.at(gzippedBytes, error))).map(([x, y], i) =>
    svgText(x, y, models[i].format, `font-size="10" fill="${colourOf(models[i].from)}"`),
  );
  const legend = names.map((name, i) =>
    svgText(size.width - size.right + 12, size.top + 16 + 18 * i, name, `fill="${colourOf(name)}"`),
  );
  const parts = [
    frame.axes({
      x: 'bytes of the weights, gzipped',
      y: models[0].metrics.accuracy === undefined ? 'test rmse' : 'share of wrong test rows',
    }),
    svgPath(
      front.map(({ gzippedBytes, error }) => frame.at(gzippedBytes, error)),
      'stroke="#888" stroke-dasharray="4 4"',
    ),
    ...dots,
    ...labels,
    ...legend,
  ];
  return svgFile(size, parts.join(''));
}
