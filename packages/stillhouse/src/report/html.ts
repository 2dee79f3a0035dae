// A run as one HTML file that needs no network: what was trained on which data, how well, and where teacher and student
// differ.
import { phaseNames, setTitles, type PhaseName, type Recipe, type RunRecord, type SetName } from '@stillhouse/core';
import { ranksLabel } from '@stillhouse/core/cluster';
import { lossOf, measuredNames, measuresOf, metricsOf, type LabelKind, type Metrics } from '@stillhouse/core/training';
import { spaceOf } from '@stillhouse/core/tune';
import { stringify } from 'yaml';
import {
  countOf,
  formatCount,
  formatMetric,
  formatMetricEstimate,
  formatNumber,
  formatSeconds,
  formatValue,
  phaseTitles,
} from '../tables.js';
import { baselineNote } from '../runs/baseline-note.js';
import { targetMetrics } from '../runs/target-metrics.js';
import { drawMap } from '../tune/map.js';
import { escaped } from '../chart/svg.js';
import { confusionChart } from '../chart/confusion.js';
import { colours, lineChart, type Line } from '../chart/line-chart.js';
import { classNames, confusionsOf, reliabilityOf } from './decisions.js';
import { disagreements } from './disagreements.js';
import type { EvaluatedModel, EvaluatedRun } from './evaluate-run.js';
import { page, section, table } from './page.js';
import { residuals } from './residuals.js';

/** The test metrics of each model, one of them with an interval. */
function metricRows(record: RunRecord, recipe: Recipe, evaluated: EvaluatedRun | undefined): string[][] {
  const metrics = measuredNames(measuresOf(recipe));
  const isClasses = lossOf(recipe.loss).labels !== 'numbers';
  const withInterval = isClasses ? 'accuracy' : 'rmse';
  const header = ['', ...metrics.map((name) => `test ${name}${name === withInterval ? ' (95 % interval)' : ''}`)];
  const rows = phaseNames.flatMap((name) => {
    const model = evaluated?.models.find((each) => each.name === name);
    const test = testOf(name, { record, evaluated });
    if (!test) return [];
    // Of the share of right rows, the interval is that of wrong ones turned round.
    const ends = model && isClasses ? [1 - model.interval[1], 1 - model.interval[0]] : model?.interval;
    const shown = (metric: string): string => {
      const value = formatMetric(metric, test[metric]);
      if (metric !== withInterval || !ends) return value;
      return `${value} <small>${ends.map((end) => formatMetric(metric, end)).join(' – ')}</small>`;
    };
    return [[phaseTitles[name], ...metrics.map(shown)]];
  });
  return [header, ...rows];
}

/** Nothing for a header without rows. */
const filled = (rows: readonly (readonly string[])[]): string => (rows.length > 1 ? table(rows) : '');

/** How large each model is, and how fast. */
function costRows(record: RunRecord, evaluated: EvaluatedRun | undefined): string[][] {
  const rows = phaseNames.flatMap((name) => {
    const phase = record[name];
    const model = evaluated?.models.find((each) => each.name === name);
    if (!testOf(name, { record, evaluated })) return [];
    return [
      [
        phaseTitles[name],
        phase ? formatCount(phase.parameters) : '–',
        phase ? formatCount(phase.bytes) : '–',
        model ? formatNumber(model.rowMs, 3) : '–',
        model ? formatNumber(model.batchedRowMs, 3) : '–',
      ],
    ];
  });
  return [['', 'parameters', 'bytes', 'ms per row', 'ms per row in a batch'], ...rows];
}

/** The test metrics of a model, as the run measured them, or else as they are now, such as a pretrained teacher's. */
function testOf(
  name: PhaseName,
  { record, evaluated }: { record: RunRecord; evaluated: EvaluatedRun | undefined },
): Metrics | undefined {
  const now = evaluated?.models.find((each) => each.name === name)?.metrics;
  const then = record[name]?.test as Metrics | undefined;
  // An earlier version may have measured fewer.
  return then ? { ...now, ...then } : now;
}

/** The metrics of each target, if there are several. */
function targetsTable(record: RunRecord, recipe: Recipe, evaluated: EvaluatedRun | undefined): string {
  const models = phaseNames.flatMap((name) => {
    const test = testOf(name, { record, evaluated });
    return test ? [[phaseTitles[name], test] as const] : [];
  });
  const found = targetMetrics(models, recipe);
  if (!found) return '';
  const [header, ...rows] = found.rows;
  return `${table([header, ...rows.map((row) => row.map(escaped))])}<p>${escaped(found.note)}</p>`;
}

function learningCurves(record: RunRecord, metric: string): string {
  const lines = (
    valueOf: (epoch: NonNullable<RunRecord['teacher']>['epochs'][number]) => number | null | undefined,
  ): Line[] =>
    phaseNames.flatMap((name) => {
      const points = (record[name]?.epochs ?? []).flatMap((epoch): [number, number][] => {
        const value = valueOf(epoch);
        return typeof value === 'number' ? [[epoch.epoch + 1, value]] : [];
      });
      return points.length > 1 ? [{ name, colour: colours[name], points }] : [];
    });
  const lossLines = lines((epoch) => epoch.trainLoss);
  return [
    lineChart(
      lossLines.filter(({ name }) => name !== 'student'),
      { x: 'epoch', y: 'training loss' },
    ),
    // Distillation adds what the student learns from its teacher: another loss, of another size.
    lineChart(
      lossLines.filter(({ name }) => name === 'student'),
      { x: 'epoch', y: 'loss of labels and teacher' },
    ),
    lineChart(
      lines((epoch) => (epoch.validation as Metrics | undefined)?.[metric]),
      { x: 'epoch', y: `validation ${metric}` },
    ),
  ].join('');
}

/** With more classes a matrix would be larger than a page; with more labels there would be too many. */
const shownClasses = 40;
const shownLabels = 12;

interface Labels {
  readonly kind: LabelKind;
  /** Name of a label. */
  readonly nameOf: (label: number) => string;
}

function confusion(evaluated: EvaluatedRun, model: EvaluatedModel, { kind, nameOf }: Labels): string {
  const names = classNames(evaluated.dataset, kind);
  if (names.length > shownClasses) return '';
  const charts = confusionsOf(evaluated, model, kind).map((counts) => confusionChart(counts, names));
  if (charts.length === 1) return charts[0];
  const left = charts.length - shownLabels;
  return [
    ...charts.slice(0, shownLabels).map((chart, k) => `<h4>${escaped(nameOf(k))}</h4>${chart}`),
    left > 0 ? `<p>${countOf(left, 'more label')} are not shown.</p>` : '',
  ].join('');
}

/** Accuracy over confidence, in ten bins; the diagonal is perfect. */
function reliability(evaluated: EvaluatedRun, kind: LabelKind): string {
  const lines = evaluated.models.map((model): Line => ({
    name: model.name,
    colour: colours[model.name],
    points: reliabilityOf(evaluated, model, kind),
  }));
  return lineChart(
    [
      ...lines,
      {
        name: 'perfect',
        colour: '#999999',
        isDashed: true,
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
    { x: 'confidence', y: 'accuracy' },
  );
}

function dataRows({ dataset }: RunRecord): string {
  return table([
    ['set', 'rows'],
    ...Object.entries(dataset.rows).map(([name, rows]) => [
      escaped(setTitles[name as SetName] ?? name),
      formatCount(rows),
    ]),
  ]);
}

function tuning(record: RunRecord, recipe: Recipe): string {
  const { tuned } = record;
  if (!tuned) return '';
  const chosen = Object.entries(tuned.values)
    .map(([path, value]) => `${escaped(path)} = ${formatValue(value)}`)
    .join(', ');
  return (
    `<p>${chosen}: ${tuned.metric} ${formatMetricEstimate(tuned.metric, tuned.mean, tuned.standardError)} ` +
    `by cross-validation on ${tuned.folds} folds; ` +
    `${escaped(tuned.reason)}. ${formatCount(tuned.trials.length)} trials, ` +
    `${formatCount(tuned.trainings)} trainings, ${formatSeconds(tuned.seconds)}.</p>` +
    `${drawMap(tuned, spaceOf(recipe)).replace('<svg ', '<svg width="640" ')}`
  );
}

const shownIncidents = 50;

/** Engines, workers, and what went wrong or slowly. */
function cluster({ workers, membershipChanges, incidents }: RunRecord): string {
  const engines = [...new Set(workers.map(({ fingerprint }) => fingerprint))];
  const rows = workers.map(({ workerId, host, fingerprint, ranks, left }) =>
    [workerId, host, fingerprint, (ranks && ranksLabel(ranks)) ?? '–', left ?? ''].map(escaped),
  );
  const newest = incidents.slice(-shownIncidents);
  const what = newest.map((each) => [each.at, each.workerId ?? '', each.what].map(escaped));
  return [
    `<p>${engines.length === 1 ? 'All workers had the same engine' : `${engines.length} engines`}; ` +
      `${countOf(membershipChanges, 'change')} of membership, ${countOf(incidents.length, 'incident')}` +
      `${newest.length < incidents.length ? `, of which the newest ${shownIncidents} are shown` : ''}.</p>`,
    rows.length > 0 ? table([['worker', 'host', 'engine', 'ranks of the teacher', 'left'], ...rows]) : '',
    what.length > 0 ? table([['time', 'worker', 'incident'], ...what]) : '',
  ].join('');
}

/** Name of a target, as the recipe has it. */
const targetOf =
  ({ data }: Recipe) =>
  (target: number): string =>
    [data.table?.target ?? []].flat()[target] ?? (target === 0 ? 'value' : `value ${target + 1}`);

export interface ReportInput {
  readonly record: RunRecord;
  readonly recipe: Recipe;
  /** Undefined if the test rows can no longer be read. */
  readonly evaluated: EvaluatedRun | undefined;
  /** Why not. */
  readonly missing: string | undefined;
  /** What a reader should know of the test rows. */
  readonly warnings: readonly string[];
  /** The backend that the models were run on. */
  readonly backend: string | undefined;
}

/** The sections that need the test rows. */
async function testedSections(evaluated: EvaluatedRun, record: RunRecord, recipe: Recipe): Promise<string[]> {
  const { labels } = lossOf(recipe.loss);
  const isClasses = labels !== 'numbers';
  const nameOf = targetOf(recipe);
  const calibration = record.student?.calibration;
  return [
    isClasses
      ? section(
          'Confusion',
          'How many test rows of each class a model took for which class; the diagonal is right.',
          ...evaluated.models.map(
            (model) => `<h3>${phaseTitles[model.name]}</h3>${confusion(evaluated, model, { kind: labels, nameOf })}`,
          ),
        )
      : '',
    isClasses
      ? section(
          'Calibration',
          'Of the rows of which a model is, say, 80 % sure, 80 % should be right: then its line is on the diagonal.',
          reliability(evaluated, labels),
          calibration
            ? `<p>The teacher's logits were divided by ${formatNumber(calibration.temperature)} before the ` +
                `student learned from them: calibration error ${formatNumber(calibration.before.ece)} before, ` +
                `${formatNumber(calibration.after.ece)} after, on ${formatCount(calibration.rows)} rows.</p>`
            : '',
        )
      : '',
    !isClasses
      ? section(
          'Predicted against actual',
          'Dots on the line are predicted exactly; a pattern in the residuals is something that a model has missed.',
          residuals(evaluated, { loss: recipe.loss, nameOf }),
        )
      : '',
    section(
      'Where teacher and student differ',
      'The test rows on which the student has learned something else than its teacher says.',
      await disagreements(evaluated, recipe),
    ),
  ];
}

const reproduction = (record: RunRecord): string =>
  section(
    'How to reproduce it',
    'The recipe and the hashes of the weights that it gives.',
    '<p>Save the recipe as recipe.yaml in a folder from which its paths lead to the data, and run ' +
      `<code>stillhouse run recipe.yaml</code> with stillhouse ${escaped(record.versions.stillhouse)} on the ` +
      `same engine (${escaped(record.workers[0]?.fingerprint ?? 'unknown')}): weights come out with these ` +
      'hashes, for any number of workers.</p>',
    table([
      ['', 'weights'],
      ...phaseNames.flatMap((name) =>
        record[name] ? [[phaseTitles[name], `<code>${record[name].weightsSha256}</code>`]] : [],
      ),
    ]),
    `<pre>${escaped(stringify(record.recipe))}</pre>`,
  );

/** @returns the HTML file */
export async function reportHtml({
  record,
  recipe,
  evaluated,
  missing,
  backend,
  warnings,
}: ReportInput): Promise<string> {
  const [metric] = metricsOf(lossOf(recipe.loss));
  const title = `${record.name}, seed ${record.seed}`;
  const body = [
    `<h1>${escaped(title)}</h1><p class="note">Run ${escaped(record.runId)}, ${escaped(record.startedAt)}, ` +
      `stillhouse ${escaped(record.versions.stillhouse)} on Node ${escaped(record.versions.node)}; ` +
      `${record.status}.</p>`,
    section(
      'Result',
      'How well each model does on rows that no model was trained on, and how large and fast it is.',
      filled(metricRows(record, recipe, evaluated)),
      targetsTable(record, recipe, evaluated),
      filled(costRows(record, evaluated)),
      ...baselineNote(record).map((note) => `<p>${escaped(note)}</p>`),
      missing === undefined
        ? `<p class="note">Times are medians on ${backend!}, on the machine that wrote this report.</p>`
        : `<p class="note">The parts that need the test rows are missing: ${escaped(missing)}</p>`,
      ...warnings.map((warning) => `<p class="note">${escaped(warning)}</p>`),
    ),
    section('Data', 'How many rows each set has.', dataRows(record)),
    section(
      'Learning curves',
      'What training minimised, and the metric on validation rows if there were any, after each epoch.',
      learningCurves(record, metric),
    ),
    section(
      'Tuning',
      'Which values the search tried for the student, and how good they were on held-out rows of the small set.',
      tuning(record, recipe),
    ),
    ...(evaluated ? await testedSections(evaluated, record, recipe) : []),
    section('Engine and workers', 'Where the run was trained, and what happened there.', cluster(record)),
    reproduction(record),
  ];
  return page(title, body);
}
