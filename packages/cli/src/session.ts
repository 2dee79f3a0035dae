// One run as its coordinator's process sees it: recipe in, run folder out. `stillhouse run` and `stillhouse coordinator` share it.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assembleJob, endRecord, modelMetadata, recordNotice, RunFolder, startCoordinator, startRecord } from '@stillhouse/coordinator';
import { fromErrorRecord, type CoordinatorNotice, type ErrorRecord, type Job, type Recipe, type RunRecord } from '@stillhouse/core';
import { dataFolders } from '@stillhouse/datasets';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { createLog, type Log } from './logger.js';
import { version } from './version.js';

export interface SessionOptions {
  readonly recipe: Recipe;
  readonly recipeFolder: string;
  /** Run folder; runs/NAME-TIME by default. */
  readonly out: string | undefined;
  /** The run starts when so many workers have joined. */
  readonly workers: number;
  /** HOST:PORT. */
  readonly listen: string;
  readonly token: string | undefined;
  readonly allowMixed: boolean;
  readonly joinTimeoutMs: number;
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
}

function defaultOut(name: string, startedAt: string): string {
  return join('runs', `${name.replaceAll(' ', '-')}-${startedAt.replace(/[-:]/g, '').replace('T', '-').replace(/\.\d+Z$/, '')}-${randomBytes(2).toString('hex')}`);
}

const secret = (): string => randomBytes(16).toString('hex');

/** @throws StillhouseError for data, models, the folder or the port */
export async function startSession(options: SessionOptions): Promise<Session> {
  const { recipe, recipeFolder, workers, allowMixed, joinTimeoutMs } = options;
  const startedAt = new Date().toISOString();
  const { job, dataset } = assembleJob(recipe, secret(), { recipeFolder, dataFolders: dataFolders(process.env, process.cwd()) });
  const folder = RunFolder.create(options.out ?? defaultOut(recipe.name, startedAt));
  const log = createLog(folder.logFile('coordinator'), 'coordinator');
  const token = options.token ?? secret();
  const metadata = { ...modelMetadata(job, dataset.preprocessing) };
  let record = startRecord({ job, recipeFolder, version, startedAt });
  const coordinator = await startCoordinator({
    machine: { job, token, meshToken: secret(), workers, allowMixed, joinTimeoutMs },
    listen: options.listen,
    blocks: dataset.blocks,
    transport: webSocketTransport,
    clock: systemClock,
    onNotice(notice) {
      record = recordNotice(record, notice);
      folder.appendEvent({ at: new Date().toISOString(), ...notice });
      if (notice.type === 'phaseDone') folder.writeRecord(record);
      if (notice.type !== 'progress') log(notice.type, { notice });
      options.onNotice(notice, job);
    },
    onModel: (phase, model, lastGood) => folder.saveModel(lastGood ? `${phase}-last-good` : phase, model, metadata),
  }).catch((error: unknown) => {
    folder.discard();
    throw error;
  });
  folder.writeRecord(record);
  for (const warning of dataset.warnings) {
    log(warning);
    options.onWarning(warning);
  }
  const finished = coordinator.ended.then((error) => {
    record = endRecord(record, new Date().toISOString(), error);
    log(error ? `failed: ${error.code}: ${error.message}` : 'done', error ? { error } : {});
    folder.writeRecord(record);
    if (error) throw fromErrorRecord(error);
    return record;
  });
  return { job, folder, address: coordinator.address, token, log, finished, interrupt: (error) => coordinator.interrupt(error) };
}
