// A run as one HTML file that needs no network: what was trained on what, how well, and where teacher and student differ.
import {
  inUnits,
  lossOf,
  metricsOf,
  predictionOf,
  softmax,
  spaceOf,
  type Metrics,
  type MetricName,
  type Recipe,
  type RunRecord,
} from '@stillhouse/core';
import { stringify } from 'yaml';
import { formatMetric, grouped } from '../summary.js';
import { drawMap } from '../tune/map.js';
import { escaped } from '../chart/svg.js';
import { colours, confusionChart, imageOf, lineChart, type Line } from './charts.js';
import type { JudgedModel, JudgedRows } from './judge.js';

const phases = ['teacher', 'student', 'baseline'] as const;
const titles = { teacher: 'teacher', student: 'student (distilled)', baseline: 'student (baseline)' } as const;

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}pre{background:#f6f6f6;padding:1rem;overflow:auto}svg{font:11px system-ui,sans-serif;margin:0 1rem 1rem 0}h2{margin-top:2.5rem}.note{color:#666}`;

const table = (rows: readonly (readonly string[])[]): string => {
  const line = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table>${line(rows[0], 'th')}${rows
    .slice(1)
    .map((row) => line(row, 'td'))
    .join('')}</table>`;
};

const section = (title: string, ...parts: readonly string[]): string =>
  parts.some((part) => part !== '') ? `<h2>${title}</h2>${parts.join('\n')}` : '';

function resultRows(record: RunRecord, recipe: Recipe, judged: JudgedRows | undefined): string[][] {
  const metrics = metricsOf(lossOf(recipe.loss));
  const isClasses = lossOf(recipe.loss).labels !== 'numbers';
  const header = [
    '',
    ...metrics.map((name) => `test ${name}`),
    `95 % interval of the ${isClasses ? 'error rate' : 'rmse'}`,
    'parameters',
    'bytes',
    'ms a row',
    'ms a row in a batch',
  ];
  const rows = phases.flatMap((name) => {
    const phase = record[name];
    const model = judged?.models.find((each) => each.name === name);
    // A teacher that was there already has no phase of its own.
    const test = (phase?.test as Metrics | undefined) ?? model?.metrics;
    if (!test) return [];
    const ends =
      model?.interval.map((end) => (isClasses ? `${(100 * end).toFixed(2)} %` : end.toFixed(4))).join(' to ') ?? '–';
    return [
      [
        titles[name],
        ...metrics.map((metric) => formatMetric(metric, test[metric])),
        ends,
        phase ? grouped(phase.parameters) : '–',
        phase ? grouped(phase.bytes) : '–',
        model ? model.rowMs.toFixed(3) : '–',
        model ? model.batchedRowMs.toFixed(4) : '–',
      ],
    ];
  });
  return [header, ...rows];
}

function learningCurves(record: RunRecord, metric: MetricName): string {
  const lines = (
    valueOf: (epoch: NonNullable<RunRecord['teacher']>['epochs'][number]) => number | null | undefined,
  ): Line[] =>
    phases.flatMap((name) => {
      const points = (record[name]?.epochs ?? []).flatMap((epoch): [number, number][] => {
        const value = valueOf(epoch);
        return typeof value === 'number' ? [[epoch.epoch + 1, value]] : [];
      });
      return points.length > 1 ? [{ name, colour: colours[name], points }] : [];
    });
  return [
    lineChart(
      lines((epoch) => epoch.trainLoss),
      { x: 'epoch', y: 'training loss' },
    ),
    lineChart(
      lines((epoch) => (epoch.validation as Metrics | undefined)?.[metric]),
      { x: 'epoch', y: `validation ${metric}` },
    ),
  ].join('');
}

const argmax = (values: readonly number[]): number =>
  values.reduce((best, value, i, all) => (value > all[best] ? i : best), 0);

const rowOf = ({ outputs, outputCount }: JudgedModel, row: number): number[] =>
  Array.from(outputs.subarray(row * outputCount, (row + 1) * outputCount));

function confusion({ labels, rows, dataset }: JudgedRows, model: JudgedModel): string {
  const names = dataset.classes ?? Array.from({ length: dataset.outputs }, (_, k) => String(k));
  const counts = names.map(() => names.map(() => 0));
  for (let row = 0; row < rows; row++) {
    const label = labels[row];
    if (label < names.length) counts[label][argmax(rowOf(model, row))] += 1;
  }
  return names.length <= 40 ? confusionChart(counts, names) : '';
}

/** Share of hits over confidence, in ten bins; the diagonal is perfect. */
function reliability({ labels, rows, models }: JudgedRows): string {
  const lines = models.map((model): Line => {
    const bins = Array.from({ length: 10 }, () => ({ count: 0, confidence: 0, hits: 0 }));
    for (let row = 0; row < rows; row++) {
      const probabilities = softmax(rowOf(model, row));
      const best = argmax(probabilities);
      const bin = bins[Math.min(9, Math.floor(10 * probabilities[best]))];
      bin.count += 1;
      bin.confidence += probabilities[best];
      bin.hits += best === labels[row] ? 1 : 0;
    }
    return {
      name: model.name,
      colour: colours[model.name],
      points: bins
        .filter(({ count }) => count > 0)
        .map(({ count, confidence, hits }): [number, number] => [confidence / count, hits / count]),
    };
  });
  return lineChart(
    [
      ...lines,
      {
        name: 'perfect',
        colour: '#ccc',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
    { x: 'confidence', y: 'share of hits' },
  );
}

const shownRows = 24;

/** Rows on which teacher and student differ most: for classes those where they choose otherwise, surest first. */
function disagreements(judged: JudgedRows, recipe: Recipe): string {
  const [teacher, student] = [
    judged.models.find(({ name }) => name === 'teacher'),
    judged.models.find(({ name }) => name === 'student'),
  ];
  if (!teacher || !student) return '';
  const { labels, inputs, rows, dataset } = judged;
  const isClasses = lossOf(recipe.loss).labels === 'class';
  const nameOf = (k: number): string => escaped(dataset.classes?.[k] ?? String(k));
  const all = Array.from({ length: rows }, (_, row) => {
    if (!isClasses) {
      const [t, s] = [teacher, student].map((model) => rowOf(model, row).slice(0, dataset.labelCount));
      return { row, weight: Math.max(...t.map((value, k) => Math.abs(value - s[k]))) };
    }
    const [t, s] = [softmax(rowOf(teacher, row)), softmax(rowOf(student, row))];
    return { row, weight: argmax(t) === argmax(s) ? 0 : Math.min(Math.max(...t), Math.max(...s)) };
  })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  if (all.length === 0) return '<p>They agree on every test row.</p>';
  const width = inputs.length / rows;
  const isImage = dataset.inputShape.length === 3 && [1, 3].includes(dataset.inputShape[2]);
  const said = (model: JudgedModel, row: number): string => {
    if (lossOf(recipe.loss).labels === 'binary')
      return rowOf(model, row)
        .map((z) => `${(100 / (1 + Math.exp(-z))).toFixed(0)} %`)
        .join(', ');
    if (!isClasses) {
      const { values, deviations } = predictionOf(rowOf(model, row), {
        loss: recipe.loss,
        classes: null,
        targets: dataset.targets,
      });
      return values!
        .map((value, k) => `${value.toPrecision(4)}${deviations ? ` ± ${deviations[k].toPrecision(2)}` : ''}`)
        .join(', ');
    }
    const probabilities = softmax(rowOf(model, row));
    const best = argmax(probabilities);
    return `${nameOf(best)} (${(100 * probabilities[best]).toFixed(0)} %)`;
  };
  const label = (row: number): string =>
    isClasses
      ? nameOf(labels[row])
      : inUnits([...labels.subarray(row * dataset.labelCount, (row + 1) * dataset.labelCount)], dataset.targets)
          .map((value) => value.toPrecision(4))
          .join(', ');
  const body = all
    .slice(0, shownRows)
    .map(({ row }) => [
      String(row),
      ...(isImage ? [imageOf(inputs.subarray(row * width, (row + 1) * width), dataset.inputShape)] : []),
      label(row),
      said(teacher, row),
      said(student, row),
    ]);
  const counted = isClasses
    ? `They choose otherwise on ${grouped(all.length)} of ${grouped(rows)} test rows; the surest:`
    : 'The rows on which they differ most:';
  return `<p>${counted}</p>${table([['row', ...(isImage ? [''] : []), 'label', 'teacher', 'student'], ...body])}`;
}

function dataRows({ dataset }: RunRecord): string {
  return table([
    ['set', 'rows'],
    ...Object.entries(dataset.rows).map(([name, rows]) => [escaped(name), grouped(rows)]),
  ]);
}

function tuning(record: RunRecord, recipe: Recipe): string {
  const { tuned } = record;
  if (!tuned) return '';
  const chosen = Object.entries(tuned.values)
    .map(([path, value]) => `${escaped(path)} = ${value}`)
    .join(', ');
  return `<p>${chosen}: ${tuned.metric} ${formatMetric(tuned.metric, tuned.mean)} ± ${tuned.standardError.toPrecision(2)} by cross-validation on ${tuned.folds} folds; ${escaped(tuned.reason)}. ${grouped(tuned.trials.length)} trials, ${grouped(tuned.trainings)} trainings, ${tuned.seconds.toFixed(0)} s.</p>${drawMap(tuned, spaceOf(recipe)).replace('<svg ', '<svg width="640" ')}`;
}

export interface ReportInput {
  readonly record: RunRecord;
  readonly recipe: Recipe;
  /** Undefined where the test rows cannot be read any more. */
  readonly judged: JudgedRows | undefined;
  /** Why not. */
  readonly missing: string | undefined;
  /** That the models were run on. */
  readonly backend: string | undefined;
}

/** @returns the HTML file */
export function reportHtml({ record, recipe, judged, missing, backend }: ReportInput): string {
  const isClasses = lossOf(recipe.loss).labels === 'class';
  const [metric] = metricsOf(lossOf(recipe.loss));
  const title = `${record.name}, seed ${record.seed}`;
  const calibration = record.student?.calibration;
  const body = [
    `<h1>${escaped(title)}</h1><p class="note">Run ${escaped(record.runId)}, ${escaped(record.startedAt)}, stillhouse ${escaped(record.versions.stillhouse)} on Node ${escaped(record.versions.node)}; ${record.status}.</p>`,
    section(
      'Result',
      table(resultRows(record, recipe, judged)),
      missing === undefined
        ? `<p class="note">Times are medians on ${backend!}, on the machine that wrote this report.</p>`
        : `<p class="note">Without what needs the test rows: ${escaped(missing)}</p>`,
    ),
    section('Data', dataRows(record)),
    section('Learning curves', learningCurves(record, metric)),
    section('Tuning', tuning(record, recipe)),
    judged && isClasses
      ? section(
          'Confusion',
          ...judged.models.map((model) => `<h3>${titles[model.name]}</h3>${confusion(judged, model)}`),
        )
      : '',
    judged && isClasses
      ? section(
          'Calibration',
          reliability(judged),
          calibration
            ? `<p>The teacher's logits were divided by ${calibration.temperature.toPrecision(4)} before the student learnt from them: calibration error ${calibration.before.ece.toFixed(4)} before, ${calibration.after.ece.toFixed(4)} after, on ${grouped(calibration.rows)} rows.</p>`
            : '',
        )
      : '',
    judged ? section('Where teacher and student differ', disagreements(judged, recipe)) : '',
    section(
      'How to reproduce it',
      `<p>Save the recipe as recipe.yaml in a folder from which its paths lead to the data, and run <code>stillhouse run recipe.yaml</code> with stillhouse ${escaped(record.versions.stillhouse)} on the same engine (${escaped(record.workers[0]?.fingerprint ?? 'unknown')}): weights come out with these hashes, for any number of workers.</p>`,
      table([
        ['', 'weights'],
        ...phases.flatMap((name) =>
          record[name] ? [[titles[name], `<code>${record[name].weightsSha256}</code>`]] : [],
        ),
      ]),
      `<pre>${escaped(stringify(record.recipe))}</pre>`,
    ),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${style}</style></head><body>${body.join('\n')}</body></html>\n`;
}
