// A picture of a search: what a model of all trials believes over the first two numbers, and where trials were.
import {
  coordinateOf,
  gaussianProcess,
  pointOf,
  smallerIsBetter,
  type Dimension,
  type TunedRecord,
} from '@stillhouse/core';
import { rounded, svgText } from '../chart/svg.js';

const size = { width: 640, height: 480, left: 80, top: 48, right: 120, bottom: 64 };
const cells = 40;

/** From violet over green to yellow: even steps look even, in grey as well. */
const colours = ['#440154', '#414487', '#2a788e', '#22a884', '#7ad151', '#fde725'];

function colourOf(share: number): string {
  const at = Math.max(0, Math.min(0.9999, share)) * (colours.length - 1);
  const channel = (colour: string, i: number): number => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  const [low, high] = [colours[Math.floor(at)], colours[Math.floor(at) + 1]];
  return `#${[0, 1, 2]
    .map((i) =>
      Math.round(channel(low, i) + (channel(high, i) - channel(low, i)) * (at % 1))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

/** @returns an SVG file; with one number alone its trials lie along the axis, each as high as its metric */
export function drawMap(record: TunedRecord, space: readonly Dimension[]): string {
  const finite = record.trials.filter(({ comparable }) => comparable !== null);
  const values = finite.map(({ comparable }) => comparable!);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const span = most - least || 1;
  const better = smallerIsBetter(record.metric) ? -1 : 1;
  /** 1 is best. */
  const quality = (value: number): number => (better > 0 ? value - least : most - value) / span;
  const [across, up] = space;
  const plot = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };
  const x = (share: number): number => size.left + share * plot.width;
  const y = (share: number): number => size.top + (1 - share) * plot.height;
  const coordinates = finite.map((trial) => space.map(({ path, config }) => coordinateOf(config, trial.values[path])));
  const chosen = space.map(({ path, config }) => coordinateOf(config, record.values[path]));
  const parts: string[] = [];
  if (up && finite.length > 0) {
    const believe = gaussianProcess(coordinates, values);
    for (let i = 0; i < cells; i++) {
      for (let k = 0; k < cells; k++) {
        const { mean } = believe([(i + 0.5) / cells, (k + 0.5) / cells, ...chosen.slice(2)]);
        parts.push(
          `<rect x="${x(i / cells).toFixed(1)}" y="${y((k + 1) / cells).toFixed(1)}" width="${(plot.width / cells + 0.5).toFixed(1)}" height="${(plot.height / cells + 0.5).toFixed(1)}" fill="${colourOf(quality(mean))}"/>`,
        );
      }
    }
  }
  finite.forEach(({ mean, comparable, standardError, folds, values: at }, i) => {
    const isChosen = JSON.stringify(at) === JSON.stringify(record.values);
    const place: [number, number] = up
      ? [x(coordinates[i][0]), y(coordinates[i][1])]
      : [x(coordinates[i][0]), y((comparable! - least) / span)];
    const title = `${space.map(({ path }) => `${path} ${rounded(at[path])}`).join(', ')}: ${record.metric} ${mean === null ? 'not finite' : rounded(mean)}${standardError === null ? '' : ` ± ${rounded(standardError)}`} on ${folds} folds`;
    parts.push(
      `<circle cx="${place[0].toFixed(1)}" cy="${place[1].toFixed(1)}" r="${isChosen ? 8 : 4}" fill="${colourOf(quality(comparable!))}" stroke="${isChosen ? '#d00' : '#fff'}" stroke-width="${isChosen ? 3 : 1}"><title>${title}</title></circle>`,
    );
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const valueOn = ({ path, config }: Dimension, share: number): string =>
    rounded(pointOf([{ path, config }], [Math.min(share, 0.999999)])[path]);
  for (const share of ticks) {
    parts.push(svgText(x(share), size.height - size.bottom + 20, valueOn(across, share), 'text-anchor="middle"'));
    parts.push(
      svgText(
        size.left - 8,
        y(share) + 4,
        up ? valueOn(up, share) : rounded(least + share * span),
        'text-anchor="end"',
      ),
    );
  }
  for (let i = 0; i < cells; i++)
    parts.push(
      `<rect x="${size.width - 96}" y="${y((i + 1) / cells).toFixed(1)}" width="16" height="${(plot.height / cells + 0.5).toFixed(1)}" fill="${colourOf(i / cells)}"/>`,
    );
  parts.push(
    svgText(size.width - 76, y(1) + 10, rounded(better > 0 ? most : least)),
    svgText(size.width - 76, y(0), rounded(better > 0 ? least : most)),
  );
  parts.push(
    svgText(x(0.5), size.height - 16, across.path, 'text-anchor="middle"'),
    svgText(
      16,
      y(0.5),
      up ? up.path : record.metric,
      `text-anchor="middle" transform="rotate(-90 16 ${y(0.5).toFixed(1)})"`,
    ),
  );
  parts.push(
    svgText(
      size.left,
      28,
      `${record.metric} on the folds that judged every trial; circled in red: the values that were chosen`,
    ),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`;
}
