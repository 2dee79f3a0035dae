// A run whose workers come from other machines: `work` there, or `stillhouse worker`.
import { limits, type Job } from '@stillhouse/core';
import { loadRecipe, type RecipeOptions, type RecipeSource } from '../recipe-file.js';
import type { RunSource } from './open-run.js';
import type { RunOptions, RunResult } from './run.js';

export interface CoordinateOptions
  extends
    RecipeOptions,
    Pick<
      RunOptions,
      | 'out'
      | 'minWorkers'
      | 'backend'
      | 'checkpointEveryMs'
      | 'heartbeatTimeoutMs'
      | 'onNotice'
      | 'onWarning'
      | 'signal'
    > {
  /** The run starts when this many workers have joined; 1 by default. */
  readonly workers?: number | undefined;
  /** Takes a resumed run over from a process of this machine that is at work on it; that process then ends. */
  readonly takeOver?: boolean | undefined;
  /** HOST:PORT, with port 0 for any free one; by default 127.0.0.1:7433, or the address of the resumed run. */
  readonly listen?: string | undefined;
  /** Secret that workers must present; a random one by default, or that of the resumed run. */
  readonly token?: string | undefined;
  /** Admits workers whose engines may give different bits. */
  readonly allowMixed?: boolean | undefined;
  /** How long to wait for the first workers, in milliseconds; without limit by default. */
  readonly joinTimeoutMs?: number | undefined;
}

export interface Coordination {
  readonly job: Job;
  /** Path of the run folder. */
  readonly folder: string;
  /** Address at which workers reach the run, such as ws://127.0.0.1:7433. */
  readonly address: string;
  readonly token: string;
  /** Rejects with the reason if the run fails; run.json in the folder then holds it, too. */
  readonly finished: Promise<RunResult>;
}

/**
 * Coordinates a run; resolves when it listens for workers. Workers may come and go.
 * @param run recipe, or the folder of a run to continue
 * @throws StillhouseError RECIPE_…, DATA_…, MODEL_…, OUT_…, RUN_…, PORT_IN_USE, LISTEN_FAILED
 */
export async function coordinate(
  run: RecipeSource | { readonly resume: string },
  options: CoordinateOptions = {},
): Promise<Coordination> {
  if (isResumed(run)) return coordinateFrom({ resume: run.resume, takeOver: options.takeOver ?? false }, options);
  const { recipe, folder: recipeFolder, located } = await loadRecipe(run, options);
  return located(async () => {
    const coordination = await coordinateFrom({ recipe, recipeFolder, out: options.out }, options);
    return { ...coordination, finished: located(() => coordination.finished) };
  });
}

async function coordinateFrom(from: RunSource, options: CoordinateOptions): Promise<Coordination> {
  const { workers = 1, minWorkers = 1, listen, token } = options;
  // Nothing but a host of runs needs sockets and logs.
  const { hostRun } = await import('./host.js');
  const host = await hostRun({
    from,
    workers,
    minWorkers,
    listen,
    token,
    allowMixed: options.allowMixed ?? false,
    joinTimeoutMs: options.joinTimeoutMs ?? Infinity,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? limits.heartbeatTimeoutMs,
    checkpointEveryMs: options.checkpointEveryMs ?? limits.checkpointEveryMs,
    backend: options.backend ?? 'auto',
    onNotice: options.onNotice ?? (() => {}),
    onWarning: options.onWarning ?? (() => {}),
    signal: options.signal,
    command: 'coordinator',
  });
  const { job, folder, address } = host;
  const finished = host.finished.then((record) => ({ record, folder }));
  return { job, folder, address, token: host.token, finished };
}

const isResumed = (run: RecipeSource | { readonly resume: string }): run is { readonly resume: string } =>
  typeof run === 'object' && 'resume' in run;
