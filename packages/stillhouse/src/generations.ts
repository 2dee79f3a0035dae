// Born-again networks (Furlanello et al. 2018): each generation's student teaches the next one, which starts from
// scratch.
import { join, resolve } from 'node:path';
import { StillhouseError, teacherTestOf } from '@stillhouse/core';
import type { Metrics } from '@stillhouse/core/training';
import type { BackendName } from '@stillhouse/worker/light';
import { loadRecipe, type RecipeOptions, type RecipeSource } from './recipe-file.js';
import { defaultWorkers } from './run/worker-places.js';
import { openOutput, writeOutput } from './runs/output.js';
import { RunCache } from './run/run-cache.js';
import { folderOf, taughtBy } from './sweep/cells.js';

export interface Generation {
  /** Counted from 1. */
  readonly generation: number;
  readonly folder: string;
  /** Test metrics; the teacher's if the student learns from its outputs. */
  readonly teacher?: Metrics;
  readonly student: Metrics;
  readonly baseline: Metrics;
}

export interface GenerationsOptions extends RecipeOptions {
  /** Generations, the first with the recipe's own teacher; 3 by default. */
  readonly count?: number | undefined;
  /** Folder of the runs; runs that are already in it are not repeated. `generations` by default. */
  readonly out?: string | undefined;
  readonly backend?: BackendName | undefined;
  /** Worker processes; 2 by default. */
  readonly workers?: number | undefined;
  /** A worker that sends no heartbeat for this long counts as lost, in milliseconds; 10 s by default. */
  readonly heartbeatTimeoutMs?: number | undefined;
  /** Time between checkpoints in milliseconds; 30 s by default. */
  readonly checkpointEveryMs?: number | undefined;
  readonly onGeneration?: ((generation: Generation) => void) | undefined;
  /** Ends the current run with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the recipe, and then again for each further generation, with the previous run's student as its teacher and the
 * next seed. Finished runs are kept; generations.json in the folder lists them all.
 * @throws StillhouseError RECIPE_…, OUT_UNWRITABLE, and what a run throws
 */
export async function generations(source: RecipeSource, options: GenerationsOptions = {}): Promise<Generation[]> {
  const { count = 3, out = 'generations', backend = 'auto', workers = defaultWorkers, signal } = options;
  const { recipe: first, folder: recipeFolder, located } = await loadRecipe(source, options);
  if (!first.student)
    throw new StillhouseError('RECIPE_INVALID', 'student is missing: each generation’s student teaches the next one');
  openOutput(out);
  const { heartbeatTimeoutMs, checkpointEveryMs } = options;
  const runs = new RunCache({ backend, heartbeatTimeoutMs, checkpointEveryMs, signal });
  const done: Generation[] = [];
  let recipe = first;
  for (let generation = 1; generation <= count; generation++) {
    const folder = resolve(out, `${generation}-${folderOf(recipe)}`);
    const current = { recipe, folder: recipeFolder };
    const record = await located(() => runs.run(current, folder, workers));
    const teacher = teacherTestOf(record);
    const tested = {
      generation,
      folder,
      ...(teacher ? { teacher } : {}),
      student: record.student!.test as Metrics,
      baseline: record.baseline!.test as Metrics,
    };
    done.push(tested);
    options.onGeneration?.(tested);
    recipe = { ...taughtBy(first, join(folder, 'student')), seed: (first.seed + generation) % 2 ** 32 };
  }
  writeOutput(out, { 'generations.json': `${JSON.stringify(done, null, 2)}\n` });
  return done;
}
