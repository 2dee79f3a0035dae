// A whole run in one call: an embedded coordinator and worker processes on this machine.
import { RunFolder } from '@stillhouse/coordinator';
import { limits, parseRecipe, type Job, type Recipe, type RunRecord } from '@stillhouse/core';
import type { CoordinatorNotice } from '@stillhouse/core/cluster';
import type { BackendName } from '@stillhouse/worker/light';
import { loadRecipe, type LoadedRecipe, type RecipeOptions, type RecipeSource } from '../recipe-file.js';
import { meshWish } from './addresses.js';
import { WorkerKeeper } from './keep-workers.js';
import type { Launcher, LaunchTarget } from './launcher.js';
import { LocalLauncher } from './local-launcher.js';
import type { RunSource } from './open-run.js';
import { defaultWorkers, placeWorkers, roomFor } from './worker-places.js';

/** What `run` and `resume` share. */
export interface LocalOptions {
  /**
   * Worker processes; 2 by default. `auto` takes one per GPU, or as many as this machine's cores allow with the
   * recipe's threads per rank, at most one per rank. Their number does not change the result.
   */
  readonly workers?: number | 'auto' | undefined;
  /** `auto` by default: the fastest backend that trains every model of the recipe. */
  readonly backend?: BackendName | undefined;
  /** Interface or range of addresses over which workers reach each other; the loopback by default. */
  readonly network?: string | undefined;
  /** Training pauses while there are fewer workers; 1 by default. */
  readonly minWorkers?: number | undefined;
  /** Time between checkpoints in milliseconds; 30 s by default. */
  readonly checkpointEveryMs?: number | undefined;
  /** A worker that sends no heartbeat for this long counts as lost, in milliseconds; 10 s by default. */
  readonly heartbeatTimeoutMs?: number | undefined;
  /**
   * Called with everything that happens.
   * @param job what is trained, with the values that a search has chosen once it has
   */
  readonly onNotice?: ((notice: CoordinatorNotice, job: Job) => void) | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Starts the workers; by default as processes on this machine. */
  readonly launcher?: ((target: LaunchTarget) => Launcher) | undefined;
  /** Ends the run early: its workers stop and the call rejects with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
}

export interface ResumeOptions extends LocalOptions {
  /** Takes the run over from a process of this machine that is at work on it; that process then ends. */
  readonly takeOver?: boolean | undefined;
}

export interface RunOptions extends LocalOptions, RecipeOptions {
  /** Run folder, which must not exist yet; runs/NAME-TIME by default. */
  readonly out?: string | undefined;
}

export interface RunResult {
  /** The content of run.json. */
  readonly record: RunRecord;
  /** Path of the run folder. */
  readonly folder: string;
}

/**
 * Trains a recipe on this machine: the teacher on all workers, then the student.
 * @throws StillhouseError with the reason if the run fails; run.json in the folder then holds it, too
 */
export async function run(recipe: RecipeSource, options: RunOptions = {}): Promise<RunResult> {
  const loaded = await loadRecipe(recipe, options);
  return loaded.located(() => runLoaded(loaded, options));
}

/** A recipe and the folder that its paths are relative to. */
export type RunnableRecipe = Pick<LoadedRecipe, 'recipe' | 'folder'>;

/** The same for a recipe that has been read. */
export const runLoaded = ({ recipe, folder }: RunnableRecipe, options: RunOptions): Promise<RunResult> =>
  runFrom({ recipe, recipeFolder: folder, out: options.out }, recipe, options);

/**
 * Continues a run on this machine from its newest intact checkpoint, at the exact row.
 * @param folder run folder that `run` or `coordinate` left
 * @throws StillhouseError RUN_NOT_FOUND, RUN_OVER, RUN_ALIVE, RUN_CHANGED, and the reason if the run fails
 */
export async function resume(folder: string, options: ResumeOptions = {}): Promise<RunResult> {
  const from = { resume: folder, takeOver: options.takeOver ?? false };
  return runFrom(from, parseRecipe(RunFolder.open(folder).readRecord().recipe), options);
}

async function runFrom(from: RunSource, recipe: Recipe, options: LocalOptions): Promise<RunResult> {
  const { backend = 'auto', network, heartbeatTimeoutMs = limits.heartbeatTimeoutMs, signal } = options;
  meshWish({ network });
  const environments = placeWorkers(options.workers ?? defaultWorkers, recipe, roomFor(backend, process.env));
  // Nothing but a host of runs needs sockets and logs.
  const { hostRun } = await import('./host.js');
  const host = await hostRun({
    from,
    workers: environments.length,
    minWorkers: Math.min(options.minWorkers ?? 1, environments.length),
    listen: '127.0.0.1:0',
    token: undefined,
    allowMixed: false,
    joinTimeoutMs: limits.joinTimeoutMs,
    heartbeatTimeoutMs,
    checkpointEveryMs: options.checkpointEveryMs ?? limits.checkpointEveryMs,
    backend,
    onNotice: options.onNotice ?? (() => {}),
    onWarning: options.onWarning ?? (() => {}),
    signal,
    command: 'run',
  });
  const { address: coordinator, token, logFile } = host;
  const launch = options.launcher ?? ((target) => new LocalLauncher(target));
  const launcher = launch({ coordinator, token, backend, network, heartbeatTimeoutMs, logFile });
  const places = environments.map((env, i) => ({ name: `worker-${i + 1}`, env }));
  const keeper = new WorkerKeeper(host, launcher, places);
  try {
    const [record] = await Promise.all([host.finished, keeper.start()]);
    return { record, folder: host.folder };
  } finally {
    await keeper.stop();
  }
}
