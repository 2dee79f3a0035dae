// One run as its coordinator's process sees it: recipe in, run folder out. `stillhouse run` and `stillhouse coordinator` share it.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  assembleJob,
  endRecord,
  isSameJob,
  modelMetadata,
  recordNotice,
  RepairedBlocks,
  RunFolder,
  startCoordinator,
  startRecord,
  type CoordinatorSecrets,
  type RunningCoordinator,
} from '@stillhouse/coordinator';
import {
  emptyHistory,
  fromErrorRecord,
  limits,
  parseRecipe,
  replayJournal,
  StillhouseError,
  tunedJob,
  type CoordinatorNotice,
  type ErrorRecord,
  type Job,
  type Recipe,
  type RunHistory,
  type RunRecord,
  type TunedValues,
} from '@stillhouse/core';
import { dataFolders, preparedFolder, type Dataset } from '@stillhouse/datasets';
import type { BackendName } from '@stillhouse/worker';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { Keeper } from './keeper.js';
import { createLog, type Log } from './logger.js';
import { statusOf } from './status.js';
import { planTuning, tune, type TunePlan } from '../tune/tune.js';
import { version } from './version.js';
import { placeWorkers, roomFor } from './worker-places.js';

export interface SessionOptions {
  /** What to train, or the folder of a run to continue. */
  readonly from:
    | { readonly recipe: Recipe; readonly recipeFolder: string; readonly out: string | undefined }
    | { readonly resume: string };
  /** The run starts when so many workers have joined. */
  readonly workers: number;
  /** Training pauses while there are fewer. */
  readonly minWorkers: number;
  /** HOST:PORT; by default where the run's coordinator listened before. */
  readonly listen: string | undefined;
  readonly token: string | undefined;
  readonly allowMixed: boolean;
  readonly joinTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly checkpointEveryMs: number;
  /** That a search for the student's numbers computes on. */
  readonly backend: BackendName;
  readonly onNotice: (notice: CoordinatorNotice, job: Job) => void;
  readonly onWarning: (text: string) => void;
}

export interface Session {
  readonly job: Job;
  readonly folder: RunFolder;
  readonly address: string;
  readonly token: string;
  readonly log: Log;
  /** Resolves with run.json; rejects with the reason if the run failed (run.json then holds it, too). */
  readonly finished: Promise<RunRecord>;
  interrupt(error: ErrorRecord): void;
  /** Tells that the process of a worker has ended by itself. */
  crashed(instance: string, error: ErrorRecord): void;
}

function defaultOut(name: string, startedAt: string): string {
  return join(
    'runs',
    `${name.replaceAll(' ', '-')}-${startedAt
      .replace(/[-:]/g, '')
      .replace('T', '-')
      .replace(/\.\d+Z$/, '')}-${randomBytes(2).toString('hex')}`,
  );
}

const secret = (): string => randomBytes(16).toString('hex');
const defaultListen = '127.0.0.1:7433';

interface Opened {
  readonly job: Job;
  readonly dataset: Dataset;
  /** Only of a run that is tuned. */
  readonly plan: TunePlan | undefined;
  readonly folder: RunFolder;
  readonly record: RunRecord;
  readonly history: RunHistory;
  readonly secrets: CoordinatorSecrets;
}

const assemble = (recipe: Recipe, runId: string, recipeFolder: string): ReturnType<typeof assembleJob> =>
  assembleJob(
    recipe,
    runId,
    { recipeFolder, dataFolders: dataFolders(process.env, process.cwd()) },
    { folder: preparedFolder(process.env) },
  );

const planOf = async (job: Job, { blocks }: Dataset): Promise<TunePlan | undefined> =>
  job.recipe.distill?.tune ? planTuning(job, blocks) : undefined;

async function openNew(
  from: { recipe: Recipe; recipeFolder: string; out: string | undefined },
  options: SessionOptions,
): Promise<Opened> {
  const { recipe, recipeFolder } = from;
  const startedAt = new Date().toISOString();
  const { job, dataset } = await assemble(recipe, secret(), recipeFolder);
  const plan = await planOf(job, dataset);
  const folder = RunFolder.create(from.out ?? defaultOut(recipe.name, startedAt));
  const secrets = {
    term: 1,
    runId: job.runId,
    token: options.token ?? secret(),
    meshToken: secret(),
    listen: options.listen ?? defaultListen,
  };
  return {
    job,
    dataset,
    plan,
    folder,
    record: startRecord({ job, recipeFolder, version, startedAt }),
    history: emptyHistory,
    secrets,
  };
}

async function openAgain(path: string, options: SessionOptions): Promise<Opened> {
  const folder = RunFolder.open(path);
  const { status, error, endedAt, ...before } = folder.readRecord();
  const secrets = folder.readSecrets();
  if (status === 'done') throw new StillhouseError('RUN_OVER', `the run in ${folder.path} is done`);
  const recipe = parseRecipe(before.recipe);
  const { job, dataset } = await assemble(recipe, secrets.runId, before.recipeFolder);
  if (!isSameJob({ ...before, status }, job))
    throw new StillhouseError(
      'RUN_CHANGED',
      `the data or the model files of the run in ${folder.path} are no longer those that it began with`,
    );
  const history = replayJournal(folder.readJournal());
  const term = Math.max(history.term, secrets.term) + 1;
  return {
    job,
    dataset,
    plan: await planOf(job, dataset),
    folder,
    record: { ...before, status: 'running' },
    history: { ...history, term: term - 1 },
    secrets: { ...secrets, term, token: options.token ?? secrets.token, listen: options.listen ?? secrets.listen },
  };
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

/** @throws StillhouseError for data, models, the folder or the port */
export async function startSession(options: SessionOptions): Promise<Session> {
  const { from, workers, minWorkers, allowMixed, joinTimeoutMs, heartbeatTimeoutMs, checkpointEveryMs } = options;
  const isResumed = 'resume' in from;
  const opened = await (isResumed ? openAgain(from.resume, options) : openNew(from, options));
  const { job, dataset, plan, history, secrets } = opened;
  const folder = opened.folder.withModelMetadata((phase) => ({ ...modelMetadata(job, dataset.preprocessing, phase) }));
  let { record } = opened;
  // From here on coordinators of lower terms know that they are over.
  folder.writeSecrets(secrets);
  const log = createLog(folder.logFile('coordinator'), 'coordinator');
  const warn = (text: string): void => {
    log(text);
    options.onWarning(text);
  };
  const keeper = new Keeper((event) => folder.appendEvent(event), warn);
  const writeRecord = (): boolean => keeper.write('run.json', () => folder.writeRecord(record));
  const now = (): string => new Date().toISOString();
  /** The job with the numbers that a search has chosen, once it has. */
  let jobNow = record.tuned ? tunedJob(job, record.tuned.values) : job;
  const onNotice = (notice: CoordinatorNotice): void => {
    const before = record;
    record = recordNotice(record, notice, now());
    keeper.event({ at: now(), ...notice });
    if (record !== before) writeRecord();
    if (notice.type !== 'progress' && notice.type !== 'tuning') log(notice.type, { notice });
    if (record.tuned && record.tuned !== before.tuned) jobNow = tunedJob(job, record.tuned.values);
    options.onNotice(notice, jobNow);
  };
  const overSignal = new AbortController();
  const search = async (teacher: string | undefined): Promise<TunedValues> => {
    const tuned = await tune({
      job,
      plan: plan!,
      folder: join(folder.path, 'tune'),
      teacher:
        teacher === undefined ? undefined : { file: join(folder.path, 'teacher', 'weights.bin'), sha256: teacher },
      backend: options.backend,
      environments: placeWorkers(
        'auto',
        { ranks: Infinity, threads: job.recipe.threads },
        roomFor(options.backend, process.env),
      ),
      onProgress: (progress) => onNotice({ type: 'tuning', ...progress }),
      signal: overSignal.signal,
    });
    onNotice({ type: 'tuned', record: tuned });
    return tuned.values;
  };
  const hashes = [
    ...Object.values(job.dataset.sets).flatMap(({ blocks }) => blocks),
    ...(job.assets.teachers ?? []).flatMap(({ files }) => files.map(({ hash }) => hash)),
  ];
  const blocks = new RepairedBlocks(
    dataset.blocks,
    hashes,
    () => assemble(job.recipe, job.runId, record.recipeFolder),
    (what) => onNotice({ type: 'blockSpoilt', what }),
  );
  const coordinator = await listening(
    () =>
      startCoordinator({
        machine: {
          job,
          token: secrets.token,
          meshToken: secrets.meshToken,
          workers,
          minWorkers,
          allowMixed,
          joinTimeoutMs,
          heartbeatTimeoutMs,
          checkpointEveryMs,
          term: secrets.term,
          history,
        },
        listen: secrets.listen,
        blocks,
        store: folder,
        transport: webSocketTransport,
        clock: systemClock,
        ...(plan ? { tune: search } : {}),
        onNotice,
        onState(state) {
          keeper.flush();
          keeper.write('status.json', () =>
            folder.writeStatus(statusOf(state, systemClock.now(), { time: now(), pid: process.pid })),
          );
        },
      }),
    isResumed,
  ).catch((error: unknown) => {
    if (!isResumed) folder.discard();
    throw error;
  });
  folder.writeSecrets({ ...secrets, listen: coordinator.address.replace(/^ws:\/\//, '') });
  folder.writeRecord(record);
  dataset.warnings.forEach(warn);
  const finished = coordinator.ended.then(async (error) => {
    overSignal.abort();
    log(error ? `failed: ${error.code}: ${error.message}` : 'done', error ? { error } : {});
    // The folder is another coordinator's by now.
    if (error?.code === 'COORDINATOR_FENCED') throw fromErrorRecord(error);
    record = endRecord(record, now(), error);
    for (let tries = 0; !writeRecord() && tries < recordTries; tries++) await delay(1000);
    if (error) throw fromErrorRecord(error);
    return record;
  });
  return {
    job,
    folder,
    address: coordinator.address,
    token: secrets.token,
    log,
    finished,
    interrupt: (error) => coordinator.interrupt(error),
    crashed: (instance, error) => coordinator.crashed(instance, error),
  };
}

/** How often, a second apart, the end of a run is written to a disk that is full. */
const recordTries = 60;
