// The main job in one call: an embedded coordinator and worker processes on this machine.
import {
  limits,
  parseRecipe,
  type CoordinatorNotice,
  type ErrorRecord,
  type Job,
  type Recipe,
  type RecipeInput,
  type RunRecord,
} from '@stillhouse/core';
import { RunFolder } from '@stillhouse/coordinator';
import type { BackendName } from '@stillhouse/worker';
import { LocalWorkers } from './local-launcher.js';
import { loadRecipe, type RecipeFile } from './recipe-file.js';
import { startSession, type SessionOptions } from './host.js';
import { defaultWorkers, placeWorkers, roomFor } from './worker-places.js';

export interface RunOptions {
  /**
   * Worker processes; 2 by default. `auto` takes one per GPU, or as many as this machine's cores allow with the recipe's
   * threads per rank, at most one per rank. Their number does not change the result.
   */
  readonly workers?: number | 'auto';
  readonly backend?: BackendName;
  /** Training pauses while there are fewer workers; 1 by default. */
  readonly minWorkers?: number;
  /** Time between checkpoints; 30 s by default. */
  readonly checkpointEveryMs?: number;
  /** A worker that says nothing for so long counts as lost; 10 s by default. */
  readonly heartbeatTimeoutMs?: number;
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
  const file: RecipeFile =
    typeof recipe === 'string' ? await loadRecipe(recipe) : { recipe: parseRecipe(recipe), folder: process.cwd() };
  return runFile(file, options);
}

export const runFile = ({ recipe, folder }: RecipeFile, options: RunOptions): Promise<RunResult> =>
  runFrom({ recipe, recipeFolder: folder, out: options.out }, recipe, options);

/**
 * Continues a run on this machine from its newest whole checkpoint, at the exact row.
 * @param folder run folder that `run` or `stillhouse coordinator` left
 * @throws StillhouseError RUN_NOT_FOUND, RUN_OVER, RUN_CHANGED, and the reason if the run fails
 */
export const resume = (folder: string, options: Omit<RunOptions, 'out'> = {}): Promise<RunResult> =>
  runFrom({ resume: folder }, parseRecipe(RunFolder.open(folder).readRecord().recipe), options);

async function runFrom(from: SessionOptions['from'], recipe: Recipe, options: RunOptions): Promise<RunResult> {
  const backend = options.backend ?? 'auto';
  const places = placeWorkers(options.workers ?? defaultWorkers, recipe, roomFor(backend, process.env));
  const session = await startSession({
    from,
    workers: places.length,
    minWorkers: Math.min(options.minWorkers ?? 1, places.length),
    listen: '127.0.0.1:0',
    token: undefined,
    allowMixed: false,
    joinTimeoutMs: limits.joinTimeoutMs,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? limits.heartbeatTimeoutMs,
    checkpointEveryMs: options.checkpointEveryMs ?? limits.checkpointEveryMs,
    backend,
    onNotice: options.onNotice ?? (() => {}),
    onWarning: options.onWarning ?? (() => {}),
  });
  const interrupt = (): void =>
    session.interrupt({ ...interrupted, next: `Continue with \`stillhouse run --resume ${session.folder.path}\`.` });
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
