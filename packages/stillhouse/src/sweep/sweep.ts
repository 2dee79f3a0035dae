// Runs of one recipe with different values and seeds, several in parallel; finished runs are not repeated.
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import {
  inertNotes,
  inertReason,
  isTrained,
  StillhouseError,
  teacherTestOf,
  type Recipe,
  type RunRecord,
} from '@stillhouse/core';
import { measuredNames, measuresOf, type Metrics } from '@stillhouse/core/training';
import type { BackendName } from '@stillhouse/worker/light';
import {
  loadChanged,
  loadRecipe,
  settings,
  type LoadedRecipe,
  type RecipeOptions,
  type RecipeSource,
} from '../recipe-file.js';
import { openOutput, writeOutput } from '../runs/output.js';
import { RunCache } from '../run/run-cache.js';
import { markdownTable, shownMetrics } from '../tables.js';
import { cellsOf, folderOf, settingsOf, taughtBy, teacherRecipe, type Cell, type SweepAxis } from './cells.js';
import { drawSweep } from './plot.js';
import { outcomesCsv, rowsOf, sweepTable, type SweepOutcome, type SweepResult } from './results.js';

export interface SweepOptions extends RecipeOptions {
  /** Axes whose combinations of values are run; none by default. */
  readonly axes?: readonly SweepAxis[] | undefined;
  /** Number of seeds: the recipe's own and the following ones; 3 by default. */
  readonly seeds?: number | undefined;
  /** Test metric to compare; the recipe's first by default. */
  readonly metric?: string | undefined;
  /**
   * `shared` (the default): seeds share a teacher if they would train it on the same rows; `each`: every seed trains
   * its own.
   */
  readonly teachers?: 'shared' | 'each' | undefined;
  /** Folder of the sweep; runs that are already in it are not repeated. `sweep` by default. */
  readonly out?: string | undefined;
  readonly backend?: BackendName | undefined;
  /** Number of parallel runs; by default as many as this machine has cores. */
  readonly jobs?: number | undefined;
  /** Called with each key of the recipe that changes nothing, before anything is trained. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** A worker that sends no heartbeat for this long counts as lost, in milliseconds; 10 s by default. */
  readonly heartbeatTimeoutMs?: number | undefined;
  /** Time between checkpoints in milliseconds; 30 s by default. */
  readonly checkpointEveryMs?: number | undefined;
  /** Called with the test metrics of each cell. */
  readonly onOutcome?:
    ((outcome: SweepOutcome, progress: { done: number; of: number; metric: string }) => void) | undefined;
  /** Ends the sweep early, with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
}

const testOf = (record: RunRecord, phase: 'teacher' | 'student' | 'baseline', metric: string): number =>
  (record[phase]!.test as Metrics)[metric]!;

function metricOf(recipe: Recipe, wanted: string | undefined): string {
  const measures = measuresOf(recipe);
  const known = measuredNames(measures);
  const metric = wanted ?? shownMetrics(recipe)[0] ?? known[0];
  if (!known.includes(metric))
    throw new StillhouseError('USAGE', `${measures.loss.name} has no metric ${metric}; it has ${known.join(', ')}`);
  return metric;
}

/** @throws StillhouseError RECIPE_INVALID if all values of an axis are the same experiment */
function refuseInert(axes: readonly SweepAxis[], recipes: readonly Recipe[]): void {
  for (const { path, values } of axes) {
    const reasons = recipes.map((recipe) => inertReason(recipe, path));
    if (values.length > 1 && reasons.every((reason) => reason !== undefined))
      throw new StillhouseError('RECIPE_INVALID', `the values of ${path} would change nothing: ${reasons[0]}`, {
        next: 'Leave the axis out, or change what leaves it without effect.',
      });
  }
}

interface CellContext {
  readonly base: LoadedRecipe;
  readonly metric: string;
  readonly runs: RunCache;
  readonly out: string;
  /** Workers that train a teacher. */
  readonly jobs: number;
  /** Whether each seed has its own teacher. */
  readonly each: boolean;
}

/** Trains the cell's teacher, unless it exists, and then its student and baseline. */
async function runCell(cell: Cell, recipe: Recipe, context: CellContext): Promise<SweepOutcome> {
  const { base, metric, runs, out, jobs, each } = context;
  const teaching = teacherRecipe(recipe, { seed: base.recipe.seed, each });
  const folder = join(out, 'cells', folderOf(recipe));
  let taught = recipe;
  let teacher: SweepOutcome['teacher'];
  if (teaching) {
    const home = resolve(out, 'teachers', folderOf(teaching));
    const record = await runs.run({ recipe: teaching, folder: base.folder }, home, jobs);
    teacher = { folder: home, metric: testOf(record, 'teacher', metric) };
    taught = taughtBy(recipe, home);
  }
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
}

/** Runs the cells in order, several at a time; a cell that fails ends the others. */
async function runAll(
  count: number,
  { jobs, over, signal }: { jobs: number; over: AbortController; signal: AbortSignal | undefined },
  runOne: (index: number) => Promise<void>,
): Promise<void> {
  const stop = (): void => over.abort();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const waiting = Array.from({ length: count }, (_, i) => i);
  const work = async (): Promise<void> => {
    for (let i = waiting.shift(); i !== undefined && !over.signal.aborted; i = waiting.shift()) await runOne(i);
  };
  const failures: unknown[] = [];
  await Promise.all(
    Array.from({ length: jobs }, () =>
      work().catch((error: unknown) => {
        failures.push(error);
        stop();
      }),
    ),
  );
  signal?.removeEventListener('abort', stop);
  if (signal?.aborted)
    throw new StillhouseError('INTERRUPTED', 'the sweep was interrupted', {
      next: 'Run it again: finished runs are kept.',
    });
  if (failures.length > 0) throw failures[0];
}

/** sweep.json, sweep.csv, table.md and plot.svg. */
function writeSweep(result: SweepResult, recipe: Recipe): void {
  const { folder, axes, rows, outcomes, metric } = result;
  const content = { recipe, axes, metric, rows, outcomes };
  writeOutput(folder, {
    'sweep.json': `${JSON.stringify(content, null, 2)}\n`,
    'sweep.csv': outcomesCsv({ axes, outcomes, metric }),
    'table.md': markdownTable(sweepTable(result)),
    'plot.svg': drawSweep(axes, rows, metric),
  });
}

/**
 * Runs a recipe with different values and seeds, each with and without its teacher, and compares student and baseline
 * per combination. Writes sweep.json, sweep.csv, table.md and plot.svg.
 * @throws StillhouseError RECIPE_…, USAGE for a metric that the loss lacks, OUT_UNWRITABLE, INTERRUPTED, and what a run
 * throws
 */
export async function sweep(recipe: RecipeSource, options: SweepOptions = {}): Promise<SweepResult> {
  const { axes = [], seeds = 3, out = 'sweep', jobs = availableParallelism(), backend = 'auto', signal } = options;
  const base = await loadRecipe(recipe, options);
  if (!base.recipe.student)
    throw new StillhouseError(
      'RECIPE_INVALID',
      'student is missing: a sweep compares students with and without their teacher',
    );
  const metric = metricOf(base.recipe, options.metric);
  const cells = cellsOf(
    axes,
    Array.from({ length: seeds }, (_, i) => base.recipe.seed + i),
  );
  // All recipes first, so that an invalid value is found before anything is trained.
  const recipes: LoadedRecipe[] = [];
  for (const cell of cells) {
    const changes = [...settings(options.set), ...settingsOf(axes, cell)];
    recipes.push(await loadChanged(recipe, changes, options.recipeFolder));
  }
  const parsed = recipes.map(({ recipe: each }) => each);
  refuseInert(axes, parsed);
  for (const note of new Set(parsed.flatMap(inertNotes))) options.onWarning?.(note);
  openOutput(out);
  const over = new AbortController();
  const { heartbeatTimeoutMs, checkpointEveryMs } = options;
  const runs = new RunCache({ backend, heartbeatTimeoutMs, checkpointEveryMs, signal: over.signal });
  const context = { base, metric, runs, out, jobs, each: options.teachers === 'each' };
  const done = new Map<number, SweepOutcome>();
  await runAll(cells.length, { jobs, over, signal }, async (i) => {
    const { recipe: own, located } = recipes[i];
    const outcome = await located(() => runCell(cells[i], own, context));
    done.set(i, outcome);
    options.onOutcome?.(outcome, { done: done.size, of: cells.length, metric });
  });
  const outcomes = cells.map((_, i) => done.get(i)!);
  const result = {
    metric,
    axes,
    rows: rowsOf(axes, outcomes, metric, measuresOf(base.recipe).metrics),
    outcomes,
    folder: out,
  };
  writeSweep(result, base.recipe);
  return result;
}
