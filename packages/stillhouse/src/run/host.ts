// One run in its coordinator's process: recipe in, run folder out. `run` and `coordinate` share it.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { modelMetadata, RepairedBlocks, startCoordinator, type RunningCoordinator } from '@stillhouse/coordinator';
import {
  choosesBaseline,
  fromErrorRecord,
  inertNotes,
  roundsNotes,
  limits,
  StillhouseError,
  type ErrorRecord,
  type Job,
  type RunRecord,
} from '@stillhouse/core';
import { tunedJob, type TunedValues } from '@stillhouse/core/tune';
import type { Dataset } from '@stillhouse/datasets';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import type { BackendName } from '@stillhouse/worker/light';
import { chooseBaseline, valuesOf } from '../tune/baseline.js';
import type { TrialPlace } from '../tune/search.js';
import { tune } from '../tune/tune.js';
import type { Log } from './logger.js';
import { assemble, openRun, type Admission, type OpenedRun, type RunSource } from './open-run.js';
import { RunRecorder, type RunListener } from './run-recorder.js';
import { placeWorkers, roomFor } from './worker-places.js';

export interface HostOptions extends Admission, RunListener {
  readonly from: RunSource;
  /** The run starts when this many workers have joined. */
  readonly workers: number;
  /** Training pauses while there are fewer. */
  readonly minWorkers: number;
  readonly allowMixed: boolean;
  readonly joinTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly checkpointEveryMs: number;
  /** Backend for a search for the student's hyperparameters. */
  readonly backend: BackendName;
  /** The command that would continue it, for the error's next step. */
  readonly command: 'run' | 'coordinator';
}

export interface RunHost {
  readonly job: Job;
  /** Path of the run folder. */
  readonly folder: string;
  readonly address: string;
  readonly token: string;
  readonly log: Log;
  /** Log file of the worker with a name. */
  readonly logFile: (name: string) => string;
  /** Resolves with run.json; rejects with the reason if the run failed (run.json then holds it, too). */
  readonly finished: Promise<RunRecord>;
  interrupt(error: ErrorRecord): void;
  /** Reports that the process of a worker has ended by itself. */
  crashed(instance: string, error: ErrorRecord): void;
}

/** A coordinator that is being fenced off may hold the port a moment longer. */
const portTries = 10;

async function listening(start: () => Promise<RunningCoordinator>, isResumed: boolean): Promise<RunningCoordinator> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (!isResumed || tries >= portTries || !(error instanceof StillhouseError) || error.code !== 'PORT_IN_USE')
        throw error;
      await delay(limits.tickIntervalMs);
    }
  }
}

/** The job's blocks; a corrupt block is prepared again from the sources. */
function blocksOf(job: Job, { blocks }: Dataset, recipeFolder: string, recorder: RunRecorder): RepairedBlocks {
  const hashes = [
    ...Object.values(job.dataset.sets).flatMap((set) => set.blocks),
    ...(job.assets.teachers ?? []).flatMap(({ files }) => files.map(({ hash }) => hash)),
  ];
  return new RepairedBlocks(
    blocks,
    hashes,
    () => assemble(job.recipe, job.runId, { recipeFolder }),
    (what) => recorder.onNotice({ type: 'blockSpoilt', what }),
  );
}

type Search = (teacher: string | undefined) => Promise<TunedValues>;

/** The search for hyperparameters of the student and of the baseline, as far as the recipe asks for one. */
function searchOf(
  { job, plan, dataset, folder: { path } }: OpenedRun,
  { backend, recorder, signal }: { backend: BackendName; recorder: RunRecorder; signal: AbortSignal },
): { tune?: Search } {
  const choosesOwn = choosesBaseline(job.recipe);
  if (!plan && !choosesOwn) return {};
  const search: Search = async (teacher) => {
    const place: TrialPlace = {
      folder: join(path, 'tune'),
      teacher: teacher === undefined ? undefined : { file: join(path, 'teacher', 'weights.bin'), sha256: teacher },
      backend,
      environments: placeWorkers(
        'auto',
        { ranks: Infinity, threads: job.recipe.threads },
        roomFor(backend, process.env),
      ),
      onProgress: (progress) => recorder.onNotice({ type: 'tuning', ...progress }),
      signal,
    };
    const tuned = plan && (await tune({ job, plan, ...place }));
    if (tuned) recorder.onNotice({ type: 'tuned', record: tuned });
    const values = tuned?.values ?? {};
    if (!choosesOwn) return values;
    const chosen = await chooseBaseline({ job: tunedJob(job, values), plan, blocks: dataset.blocks, ...place });
    recorder.onNotice({ type: 'baselineChosen', record: chosen });
    return { ...values, ...valuesOf(chosen) };
  };
  return { tune: search };
}

/** Interrupts a run once the signal is aborted. */
function heedSignal({ signal, command }: HostOptions, coordinator: RunningCoordinator, folder: string): void {
  if (!signal) return;
  const interrupt = (): void =>
    coordinator.interrupt({
      code: 'INTERRUPTED',
      message: 'the run was interrupted',
      next: `Continue with \`stillhouse ${command} --resume ${folder}\`.`,
    });
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  void coordinator.ended.finally(() => signal.removeEventListener('abort', interrupt));
}

/** @throws StillhouseError for data, models, the folder or the port */
export async function hostRun(options: HostOptions): Promise<RunHost> {
  const { from, workers, minWorkers, allowMixed, joinTimeoutMs, heartbeatTimeoutMs, checkpointEveryMs } = options;
  const isResumed = 'resume' in from;
  const opened = await openRun(from, options);
  const { job, dataset, history, secrets, record } = opened;
  const { term, token, meshToken, listen } = secrets;
  const folder = opened.folder.withModelMetadata((phase) => ({ ...modelMetadata(job, dataset, phase) }));
  // From here on coordinators of lower terms know that they have been replaced.
  folder.writeSecrets(secrets);
  const recorder = new RunRecorder(folder, record, job, options);
  const over = new AbortController();
  const blocks = blocksOf(job, dataset, record.recipeFolder, recorder);
  const limitsOfRun = { workers, minWorkers, allowMixed, joinTimeoutMs, heartbeatTimeoutMs, checkpointEveryMs };
  const start = (): Promise<RunningCoordinator> =>
    startCoordinator({
      machine: { job, token, meshToken, term, history, ...limitsOfRun },
      listen,
      blocks,
      store: folder,
      transport: webSocketTransport,
      clock: systemClock,
      ...searchOf(opened, { backend: options.backend, recorder, signal: over.signal }),
      onNotice: recorder.onNotice,
      onState: recorder.writeStatus,
    });
  const coordinator = await listening(start, isResumed).catch((error: unknown) => {
    if (!isResumed) folder.discard();
    throw error;
  });
  folder.writeSecrets({ ...secrets, listen: coordinator.address.replace(/^ws:\/\//, '') });
  recorder.writeRecord();
  folder.writeDataFiles(dataset.files);
  [...inertNotes(job.recipe), ...roundsNotes(job), ...dataset.warnings].forEach(recorder.warn);
  heedSignal(options, coordinator, folder.path);
  const finished = coordinator.ended.then(async (error) => {
    over.abort();
    recorder.log(error ? `failed: ${error.code}: ${error.message}` : 'done', error ? { error } : {});
    // The folder belongs to another coordinator by now.
    if (error?.code === 'COORDINATOR_FENCED') throw fromErrorRecord(error);
    const ended = await recorder.end(error);
    if (error) throw fromErrorRecord(error);
    return ended;
  });
  return {
    job,
    folder: folder.path,
    address: coordinator.address,
    token,
    log: recorder.log,
    logFile: (name) => folder.logFile(name),
    finished,
    interrupt: (error) => coordinator.interrupt(error),
    crashed: (instance, error) => coordinator.crashed(instance, error),
  };
}
