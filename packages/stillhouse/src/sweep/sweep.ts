// Runs of one recipe with other values and seeds, several side by side; what is there already is not run again.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  isTrained,
  lossOf,
  metricsOf,
  StillhouseError,
  teacherTestOf,
  type MetricName,
  type Metrics,
  type Recipe,
  type RunRecord,
} from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { KeptRuns } from '../runs/kept-runs.js';
import { loadRecipe } from '../run/recipe-file.js';
import { cellsOf, folderOf, nameOf, settingsOf, taughtBy, teacherRecipe, type Axis, type Cell } from './cells.js';
import { drawSweep } from './plot.js';
import { outcomesCsv, rowsOf, tableMarkdown, type Outcome, type Row } from './results.js';

export interface SweepOptions {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly axes: readonly Axis[];
  /** Seeds are the recipe's own, and those that follow it. */
  readonly seeds: number;
  readonly metric: MetricName | undefined;
  /** Whether each seed has a teacher of its own. */
  readonly teacherEach: boolean;
  readonly out: string;
  readonly backend: BackendName;
  /** Runs side by side. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

export interface SweepResult {
  readonly metric: MetricName;
  readonly rows: readonly Row[];
  readonly outcomes: readonly Outcome[];
  readonly folder: string;
}

const testOf = (record: RunRecord, phase: 'teacher' | 'student' | 'baseline', metric: MetricName): number =>
  (record[phase]!.test as Metrics)[metric]!;

/**
 * Runs every cell and writes sweep.json, sweep.csv, table.md and plot.svg.
 * @throws StillhouseError RECIPE_…, and what a run throws
 */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  const { axes, out, tell } = options;
  const base = await loadRecipe(options.recipe, [...options.set]);
  if (!base.recipe.student)
    throw new StillhouseError(
      'RECIPE_INVALID',
      'student is missing: a sweep compares students with and without their teacher',
    );
  const metric = options.metric ?? base.recipe.metrics?.[0] ?? metricsOf(lossOf(base.recipe.loss))[0];
  if (!metricsOf(lossOf(base.recipe.loss)).includes(metric))
    throw new StillhouseError(
      'USAGE',
      `--metric ${metric} is not one that ${base.recipe.loss} has: ${metricsOf(lossOf(base.recipe.loss)).join(', ')}`,
    );
  const cells = cellsOf(
    axes,
    Array.from({ length: options.seeds }, (_, i) => base.recipe.seed + i),
  );
  // All recipes first: a value that cannot be is found before anything is trained.
  const recipes: Recipe[] = [];
  for (const cell of cells)
    recipes.push((await loadRecipe(options.recipe, [...options.set, ...settingsOf(axes, cell)])).recipe);
  mkdirSync(out, { recursive: true });
  const over = new AbortController();
  const stop = (): void => over.abort();
  options.signal.addEventListener('abort', stop);
  const runs = new KeptRuns({ backend: options.backend, signal: over.signal });
  const judge = async (cell: Cell, recipe: Recipe): Promise<Outcome> => {
    const teaching = teacherRecipe(recipe, { seed: base.recipe.seed, each: options.teacherEach });
    let taught = recipe;
    let teacher: Outcome['teacher'];
    if (teaching) {
      const folder = resolve(out, 'teachers', folderOf(teaching));
      teacher = {
        folder,
        metric: testOf(
          await runs.run({ recipe: teaching, folder: base.folder }, folder, options.jobs),
          'teacher',
          metric,
        ),
      };
      taught = taughtBy(recipe, folder);
    }
    const folder = join(out, 'cells', folderOf(recipe));
    const record = await runs.run({ recipe: taught, folder: base.folder }, folder, 1);
    const test = teacherTestOf(record);
    if (!isTrained(recipe.teacher) && test)
      teacher = { folder: [recipe.teacher.pretrained].flat().join(', '), metric: test[metric]! };
    return {
      ...cell,
      folder,
      ...(teacher ? { teacher } : {}),
      student: testOf(record, 'student', metric),
      baseline: testOf(record, 'baseline', metric),
    };
  };
  const outcomes = new Map<number, Outcome>();
  const waiting = cells.map((_, i) => i);
  const work = async (): Promise<void> => {
    for (let i = waiting.shift(); i !== undefined && !over.signal.aborted; i = waiting.shift()) {
      const outcome = await judge(cells[i], recipes[i]);
      outcomes.set(i, outcome);
      tell(
        `${outcomes.size} of ${cells.length}: ${nameOf(axes, cells[i])}: baseline ${outcome.baseline}, distilled ${outcome.student}`,
      );
    }
  };
  // One that fails ends the others.
  const failures: unknown[] = [];
  await Promise.all(
    Array.from({ length: options.jobs }, () =>
      work().catch((error: unknown) => {
        failures.push(error);
        stop();
      }),
    ),
  );
  options.signal.removeEventListener('abort', stop);
  if (options.signal.aborted)
    throw new StillhouseError('INTERRUPTED', 'the sweep was interrupted', {
      next: 'Run it again: what is done is kept.',
    });
  if (failures.length > 0) throw failures[0];
  const ordered = cells.map((_, i) => outcomes.get(i)!);
  const rows = rowsOf(axes, ordered, metric);
  writeFileSync(
    join(out, 'sweep.json'),
    `${JSON.stringify({ recipe: base.recipe, axes, metric, rows, outcomes: ordered }, null, 2)}\n`,
  );
  writeFileSync(join(out, 'sweep.csv'), outcomesCsv(axes, ordered));
  writeFileSync(join(out, 'table.md'), tableMarkdown(axes, rows, metric));
  writeFileSync(join(out, 'plot.svg'), drawSweep(axes, rows, metric));
  return { metric, rows, outcomes: ordered, folder: out };
}
