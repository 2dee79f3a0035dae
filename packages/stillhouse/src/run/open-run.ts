// What a coordinator's process needs before it listens: the job, its data, the run folder, and the run's history.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  assembleJob,
  isSameJob,
  openRecipe,
  readDataFiles,
  resumeRecord,
  RunFolder,
  startRecord,
  type CoordinatorSecrets,
} from '@stillhouse/coordinator';
import { StillhouseError, type Job, type Recipe, type RunRecord } from '@stillhouse/core';
import { emptyHistory, replayJournal, type RunHistory } from '@stillhouse/core/cluster';
import { dataFolders, preparedFolder, type Dataset } from '@stillhouse/datasets';
import { planTuning, type TunePlan } from '../tune/tune.js';
import { changedSources } from '../runs/changed-sources.js';
import { version } from '../version.js';
import { refuseLive } from './refuse-live.js';
import { heed, unlessAborted } from './unless-aborted.js';

/** What to train, or the folder of a run to continue. */
export type RunSource = NewRun | ResumedRun;

interface ResumedRun {
  readonly resume: string;
  /** Also from a process of this machine that is at work on it. */
  readonly takeOver: boolean;
}

interface NewRun {
  readonly recipe: Recipe;
  readonly recipeFolder: string;
  readonly out: string | undefined;
}

/** What a new coordinator may choose; by default the same as before, or random. */
export interface Admission {
  /** HOST:PORT. */
  readonly listen: string | undefined;
  readonly token: string | undefined;
  /** Ends the preparation of the data early, with INTERRUPTED. */
  readonly signal: AbortSignal | undefined;
}

export interface OpenedRun {
  readonly job: Job;
  readonly dataset: Dataset;
  /** Only for a run that is tuned. */
  readonly plan: TunePlan | undefined;
  readonly folder: RunFolder;
  readonly record: RunRecord;
  readonly history: RunHistory;
  readonly secrets: CoordinatorSecrets;
}

const secret = (): string => randomBytes(16).toString('hex');
const defaultListen = '127.0.0.1:7433';

/** A folder whose name identifies the run: runs/NAME-YYYYMMDD-HHMMSS-XXXX. */
function defaultOut(name: string, startedAt: string): string {
  const time = startedAt
    .replace(/[-:]/g, '')
    .replace('T', '-')
    .replace(/\.\d+Z$/, '');
  return join('runs', `${name.replaceAll(' ', '-')}-${time}-${randomBytes(2).toString('hex')}`);
}

/** The job of a recipe; prepares its data if they are not prepared yet. */
export const assemble = (
  recipe: Recipe,
  runId: string,
  from: { readonly recipeFolder: string; readonly signal?: AbortSignal | undefined },
): ReturnType<typeof assembleJob> =>
  assembleJob(
    recipe,
    runId,
    { recipeFolder: from.recipeFolder, dataFolders: dataFolders(process.env, process.cwd()) },
    { folder: preparedFolder(process.env), signal: from.signal },
  );

const interrupted = (): StillhouseError =>
  new StillhouseError('INTERRUPTED', 'the run was interrupted before training began', {
    next: 'Run again: what has been prepared of the data is kept.',
  });

const planOf = async (job: Job, { blocks }: Dataset): Promise<TunePlan | undefined> =>
  job.recipe.distill?.tune ? planTuning(job, blocks) : undefined;

async function openNew(
  { recipe, recipeFolder, out }: NewRun,
  { listen, token, signal }: Admission,
): Promise<OpenedRun> {
  const startedAt = new Date().toISOString();
  const { job, dataset } = await assemble(recipe, secret(), { recipeFolder, signal });
  const plan = await planOf(job, dataset);
  // No folder for a run that was interrupted meanwhile.
  heed(signal, interrupted);
  const folder = RunFolder.create(out ?? defaultOut(recipe.name, startedAt));
  const record = startRecord({ job, recipeFolder, version, startedAt });
  const secrets = {
    term: 1,
    runId: job.runId,
    token: token ?? secret(),
    meshToken: secret(),
    listen: listen ?? defaultListen,
  };
  return { job, dataset, plan, folder, record, history: emptyHistory, secrets };
}

async function openAgain({ resume, takeOver }: ResumedRun, { listen, token, signal }: Admission): Promise<OpenedRun> {
  const folder = RunFolder.open(resume);
  const before = folder.readRecord();
  const secrets = folder.readSecrets();
  if (before.status === 'done') throw new StillhouseError('RUN_OVER', `the run in ${folder.path} is done`);
  if (!takeOver) refuseLive(before, folder.path);
  const recipe = await openRecipe(before.recipe, before.recipeFolder);
  const { job, dataset } = await assemble(recipe, secrets.runId, { recipeFolder: before.recipeFolder, signal });
  if (!isSameJob(before, job)) {
    const files = { before: readDataFiles(folder.path), now: dataset.files };
    throw new StillhouseError(
      'RUN_CHANGED',
      `the run in ${folder.path} cannot continue: ${changedSources(before, job, files)} since it began`,
    );
  }
  const history = replayJournal(folder.readJournal());
  const term = Math.max(history.term, secrets.term) + 1;
  return {
    job,
    dataset,
    plan: await planOf(job, dataset),
    folder,
    record: resumeRecord(before, history),
    history: { ...history, term: term - 1 },
    secrets: { ...secrets, term, token: token ?? secrets.token, listen: listen ?? secrets.listen },
  };
}

/** @throws StillhouseError for data, models and the folder; INTERRUPTED */
export const openRun = (source: RunSource, admission: Admission): Promise<OpenedRun> =>
  unlessAborted(admission.signal, interrupted, () =>
    'resume' in source ? openAgain(source, admission) : openNew(source, admission),
  );
