// The main job in one call: an embedded coordinator and worker processes on this machine.
import { limits, parseRecipe, type CoordinatorNotice, type ErrorRecord, type Job, type RecipeInput, type RunRecord } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { LocalWorkers } from './local-workers.js';
import { loadRecipe, type RecipeFile } from './recipe-file.js';
import { startSession } from './session.js';
import { defaultWorkers, placeWorkers, roomFor } from './worker-places.js';

export interface RunOptions {
  /**
   * Worker processes; 2 by default. `auto` takes one per GPU, or as many as this machine's cores allow with the recipe's
   * threads per rank, at most one per rank. Their number does not change the result.
   */
  readonly workers?: number | 'auto';
  readonly backend?: BackendName;
  /** Run folder; runs/NAME-TIME by default. */
  readonly out?: string;
  readonly onNotice?: (notice: CoordinatorNotice, job: Job) => void;
  readonly onWarning?: (text: string) => void;
  /** Ends the run early: its workers stop and the call rejects with INTERRUPTED. */
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** What run.json holds. */
  readonly record: RunRecord;
  /** Path of the run folder. */
  readonly folder: string;
}

const interrupted: ErrorRecord = { code: 'INTERRUPTED', message: 'the run was interrupted' };

/**
 * Trains a recipe on this machine.
 * @param recipe path of a recipe file, or a recipe whose paths are relative to the working folder
 * @throws StillhouseError with the reason if the run fails; run.json in the folder then holds it, too
 */
export async function run(recipe: string | RecipeInput, options: RunOptions = {}): Promise<RunResult> {
  const file: RecipeFile = typeof recipe === 'string' ? await loadRecipe(recipe) : { recipe: parseRecipe(recipe), folder: process.cwd() };
  return runFile(file, options);
}

export async function runFile(file: RecipeFile, options: RunOptions): Promise<RunResult> {
  const backend = options.backend ?? 'auto';
  const places = placeWorkers(options.workers ?? defaultWorkers, file.recipe, roomFor(backend, process.env));
  const session = await startSession({
    recipe: file.recipe, recipeFolder: file.folder, out: options.out, workers: places.length, listen: '127.0.0.1:0', token: undefined, allowMixed: false,
    joinTimeoutMs: limits.joinTimeoutMs, onNotice: options.onNotice ?? (() => {}), onWarning: options.onWarning ?? (() => {}),
  });
  const interrupt = (): void => session.interrupt(interrupted);
  options.signal?.addEventListener('abort', interrupt);
  if (options.signal?.aborted) interrupt();
  const local = new LocalWorkers(session, places, backend);
  try {
    const record = await session.finished;
    return { record, folder: session.folder.path };
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    await local.stop();
  }
}
