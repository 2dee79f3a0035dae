// A picture of a search: the prediction of a model of all trials over the first two values, and the trials.
import type { TunedRecord } from '@stillhouse/core';
import { smallerIsBetter } from '@stillhouse/core/training';
import { coordinateOf, gaussianProcess, pointOf, type Dimension } from '@stillhouse/core/tune';
import { Frame } from '../chart/frame.js';
import { colourOf } from '../chart/heat-map.js';
import { quarters, shareScale, type Scale } from '../chart/scale.js';
import { rounded, svgBox, svgDot, svgFile, svgText } from '../chart/svg.js';

const size = { width: 640, height: 480, left: 96, top: 48, right: 120, bottom: 64 };
/** Number of fields of the map along each axis. */
const fields = 40;

type Trial = TunedRecord['trials'][number];

/** The range of the metric over trials, and how good a value in it is. */
class Range {
  constructor(
    readonly least: number,
    readonly most: number,
    private readonly smallerIsBetter: boolean,
  ) {}

  shareOf(value: number): number {
    return (value - this.least) / (this.most - this.least || 1);
  }

  /** 1 is best. */
  quality(value: number): number {
    return this.smallerIsBetter ? 1 - this.shareOf(value) : this.shareOf(value);
  }

  /** Best first. */
  get ends(): [number, number] {
    return this.smallerIsBetter ? [this.least, this.most] : [this.most, this.least];
  }
}

/** An axis for a value of the recipe: a mark at each value of a list, and at the quarters of a range. */
function scaleOf({ path, config }: Dimension): Scale {
  const values = 'from' in config ? quarters.map((at) => pointOf([{ path, config }], [at])[path]) : config;
  return {
    shareOf: (share) => share,
    ticks: [...new Set(values)].map((value) => ({ share: coordinateOf(config, value), label: rounded(value) })),
  };
}

/** The prediction of the model of the trials, field by field. */
function believedFields(frame: Frame<number>, meanAt: (across: number, up: number) => number, range: Range): string {
  const box = { width: frame.inner.width / fields + 0.5, height: frame.inner.height / fields + 0.5 };
  return Array.from({ length: fields ** 2 }, (_, index) => {
    const [i, k] = [Math.floor(index / fields), index % fields];
    const colour = colourOf(range.quality(meanAt((i + 0.5) / fields, (k + 0.5) / fields)));
    return svgBox({ x: frame.acrossAt(i / fields), y: frame.upAt((k + 1) / fields), ...box }, `fill="${colour}"`);
  }).join('');
}

/** The colour scale, next to the frame. */
function legend(frame: Frame<number>, range: Range): string {
  const box = { x: size.width - 96, width: 16, height: frame.inner.height / fields + 0.5 };
  const bar = Array.from({ length: fields }, (_, i) =>
    svgBox({ ...box, y: frame.upAt((i + 1) / fields) }, `fill="${colourOf(i / fields)}"`),
  );
  const [best, worst] = range.ends;
  return [
    ...bar,
    svgText(size.width - 76, frame.upAt(1) + 10, rounded(best)),
    svgText(size.width - 76, frame.upAt(0), rounded(worst)),
  ].join('');
}

function trialTitle(
  { mean, standardError, folds, values }: Trial,
  metric: string,
  space: readonly Dimension[],
): string {
  const place = space.map(({ path }) => `${path} ${rounded(values[path])}`).join(', ');
  const error = standardError === null ? '' : ` ± ${rounded(standardError)}`;
  return `${place}: ${metric} ${mean === null ? 'not finite' : rounded(mean)}${error} on ${folds} folds`;
}

/** @returns an SVG file; with only one value the trials are along the axis, at the height of their metric */
export function drawMap(record: TunedRecord, space: readonly Dimension[]): string {
  const trials = record.trials.filter(({ comparable }) => comparable !== null);
  const metrics = trials.map(({ comparable }) => comparable!);
  const range = new Range(Math.min(...metrics), Math.max(...metrics), smallerIsBetter(record.metric));
  const [across, up] = space;
  const coordinatesOf = (values: TunedRecord['values']): number[] =>
    space.map(({ path, config }) => coordinateOf(config, values[path]));
  const metricScale = shareScale((share) => range.least + share * (range.most - range.least || 1));
  const frame = new Frame(size, { x: scaleOf(across), y: up ? scaleOf(up) : metricScale });
  const parts = [frame.axes({ x: across.path, y: up ? up.path : record.metric })];
  const coordinates = trials.map(({ values }) => coordinatesOf(values));
  if (up && trials.length > 0) {
    const believe = gaussianProcess(coordinates, metrics);
    const rest = coordinatesOf(record.values).slice(2);
    parts.push(believedFields(frame, (i, k) => believe([i, k, ...rest]).mean, range));
  }
  trials.forEach((trial, i) => {
    const isChosen = JSON.stringify(trial.values) === JSON.stringify(record.values);
    const colour = colourOf(range.quality(metrics[i]));
    parts.push(
      svgDot(frame.at(coordinates[i][0], up ? coordinates[i][1] : range.shareOf(metrics[i])), {
        radius: isChosen ? 8 : 4,
        title: trialTitle(trial, record.metric, space),
        more: `fill="${colour}" stroke="${isChosen ? '#d00' : '#fff'}" stroke-width="${isChosen ? 3 : 1}"`,
      }),
    );
  });
  const title = `${record.metric} on the folds that every trial ran on; circled in red: the chosen values`;
  parts.push(legend(frame, range), svgText(size.left, 28, title));
  return svgFile(size, parts.join(''));
}
