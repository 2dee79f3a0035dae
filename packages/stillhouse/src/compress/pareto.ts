// Size against error: a table, and a plot with the Pareto front.
import { formatCount, formatNumber, formatShare, formatValue } from '../tables.js';
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

const size = { width: 640, height: 420, left: 72, top: 24, right: 24, bottom: 56 };
const lineHeight = 18;
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const radii = { fp32: 5, fp16: 4, uint8: 3 } as const;

const labelSize = { width: 34, height: 11 };
type Place = readonly [x: number, y: number];

/** Where the label of a dot may begin: to its right, to its left, above and below it. */
const placesAround = ([x, y]: Place): Place[] => {
  const { width, height } = labelSize;
  return [
    [x + 8, y + 4],
    [x - 8 - width, y + 4],
    [x - width / 2, y - 8],
    [x - width / 2, y + 6 + height],
  ];
};

/**
 * Where labels of dots begin: next to their dot, where neither a dot nor another label is, or else lower.
 * @param end of the frame, in pixels from the left
 */
export function labelPlaces(dots: readonly Place[], end = Infinity): Place[] {
  const { width, height } = labelSize;
  const places: Place[] = [];
  const covers = ([x, y]: Place, [dotX, dotY]: Place): boolean =>
    dotX > x - 5 && dotX < x + width + 5 && dotY > y - height - 3 && dotY < y + 5;
  const isFree = (place: Place): boolean =>
    place[0] + width <= end &&
    !dots.some((dot) => covers(place, dot)) &&
    !places.some(([x, y]) => Math.abs(x - place[0]) < width && Math.abs(y - place[1]) < height);
  for (const dot of dots) {
    const around = placesAround(dot);
    const [lowX, lowY] = around[3];
    let place: Place = around.find(isFree) ?? [Math.min(lowX, end - width), lowY];
    while (!isFree(place)) place = [place[0], place[1] + height];
    places.push(place);
  }
  return places;
}

/** @returns an SVG file; dots are larger the more bits a weight has */
export function drawPareto(models: readonly CompressedModel[]): string {
  const isShare = models[0].metrics.accuracy !== undefined;
  const sizes = models.map(({ gzippedBytes }) => gzippedBytes);
  const frame = new Frame(size, {
    x: logScale(sizes, (bytes) => formatCount(Math.round(bytes))),
    y: linearScale(
      models.flatMap(({ interval }) => interval),
      isShare ? (share) => `${formatValue(100 * share)} %` : formatValue,
    ),
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
  const centres = models.map(({ gzippedBytes, error }) => frame.at(gzippedBytes, error));
  const labels = labelPlaces(centres, size.width - size.right).map(([x, y], i) =>
    svgText(x, y, models[i].format, `font-size="10" fill="${colourOf(models[i].from)}"`),
  );
  const legend = names.map((name, i) =>
    svgText(size.left, size.height + lineHeight * (i + 0.5), name, `fill="${colourOf(name)}"`),
  );
  const parts = [
    frame.axes({
      x: 'bytes of the weights, gzipped',
      y: isShare ? 'share of wrong test rows' : 'test rmse',
    }),
    svgPath(
      front.map(({ gzippedBytes, error }) => frame.at(gzippedBytes, error)),
      'stroke="#888" stroke-dasharray="4 4"',
    ),
    ...dots,
    ...labels,
    ...legend,
  ];
  return svgFile({ width: size.width, height: size.height + lineHeight * names.length }, parts.join(''));
}
