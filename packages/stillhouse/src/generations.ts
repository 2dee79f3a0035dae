// Born-again networks (Furlanello et al. 2018): each generation's student teaches the next one, which starts anew.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { StillhouseError, teacherTestOf, type Metrics } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { KeptRuns } from './runs/kept-runs.js';
import type { RecipeFile } from './run/recipe-file.js';
import { folderOf, taughtBy } from './sweep/cells.js';

export interface Generation {
  readonly generation: number;
  readonly folder: string;
  /** Test metrics; the teacher's where the student learns from its outputs. */
  readonly teacher?: Metrics;
  readonly student: Metrics;
  readonly baseline: Metrics;
}

export interface GenerationsOptions {
  readonly file: RecipeFile;
  readonly count: number;
  readonly out: string;
  readonly backend: BackendName;
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly tell: (generation: Generation) => void;
}

/**
 * Runs the recipe, and then as often again with the student of the run before as its teacher and the next seed. Runs that
 * are done already are kept; generations.json has them all.
 * @throws StillhouseError RECIPE_…, and what a run throws
 */
export async function generations({
  file: { recipe: first, folder: recipeFolder },
  count,
  out,
  tell,
  ...options
}: GenerationsOptions): Promise<Generation[]> {
  if (!first.student)
    throw new StillhouseError('RECIPE_INVALID', 'student is missing: each generation’s student teaches the next one');
  mkdirSync(out, { recursive: true });
  const runs = new KeptRuns(options);
  const done: Generation[] = [];
  let recipe = first;
  for (let generation = 1; generation <= count; generation++) {
    const folder = resolve(out, `${generation}-${folderOf(recipe)}`);
    const record = await runs.run({ recipe, folder: recipeFolder }, folder, options.workers);
    const teacher = teacherTestOf(record);
    done.push({
      generation,
      folder,
      ...(teacher ? { teacher } : {}),
      student: record.student!.test as Metrics,
      baseline: record.baseline!.test as Metrics,
    });
    tell(done.at(-1)!);
    recipe = { ...taughtBy(first, join(folder, 'student')), seed: (first.seed + generation) % 2 ** 32 };
  }
  writeFileSync(join(out, 'generations.json'), `${JSON.stringify(done, null, 2)}\n`);
  return done;
}
