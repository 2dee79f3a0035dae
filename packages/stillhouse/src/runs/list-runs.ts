// The runs in a folder, such as runs/ or that of a sweep.
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readRunRecord, recordFile } from '@stillhouse/coordinator';
import { StillhouseError, withoutRefusal, type RunRecord } from '@stillhouse/core';
import type { ModelSummary } from './model-summary.js';
import { status } from './status.js';

export interface ListedRun {
  readonly folder: string;
  readonly name: string;
  /** `stopped`: it is neither done nor has it failed, and no coordinator is running. */
  readonly status: RunRecord['status'] | 'stopped';
  readonly startedAt: string;
  readonly endedAt: string | undefined;
  /** Its student or else its teacher, once it is tested. */
  readonly main: ModelSummary | undefined;
  /** Name of the metric to show first. */
  readonly metric: string | undefined;
  readonly error: RunRecord['error'];
}

export interface RunList {
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  /** Folders with a run.json that cannot be read, and why. */
  readonly unreadable: readonly { readonly folder: string; readonly reason: string }[];
}

const readable = constants.R_OK | constants.X_OK;

/** A sweep's runs are two folders below its own. */
const deepest = 3;

/** Folders of runs, and folders that may not be read. */
function runFolders(folder: string, depth = 0): string[] {
  if (existsSync(recordFile(folder)) || !isReadable(folder)) return [folder];
  if (depth === deepest) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .flatMap(({ name }) => runFolders(join(folder, name), depth + 1));
}

function isReadable(folder: string): boolean {
  try {
    accessSync(folder, readable);
    return true;
  } catch {
    return false;
  }
}

function listedRun(folder: string): ListedRun {
  const { name, status: recorded, startedAt, endedAt, error } = readRunRecord(folder);
  const { isLive, metrics, models } = status(folder);
  return {
    folder,
    name,
    status: recorded === 'running' && !isLive ? 'stopped' : recorded,
    startedAt,
    endedAt,
    main: models.find((model) => model.name === 'student') ?? models.find((model) => model.name === 'teacher'),
    metric: metrics[0],
    error,
  };
}

/**
 * The runs in a folder and in folders below it.
 * @throws StillhouseError RUN_NOT_FOUND if there is no such folder
 */
export function listRuns(folder: string): RunList {
  const isThere = existsSync(folder);
  if (!isThere || !statSync(folder).isDirectory())
    throw new StillhouseError('RUN_NOT_FOUND', isThere ? `${folder} is not a folder` : `there is no folder ${folder}`, {
      next: 'Give the folder that has the folders of runs: `stillhouse ls DIR`.',
    });
  const runs: ListedRun[] = [];
  const unreadable: { folder: string; reason: string }[] = [];
  for (const each of runFolders(folder)) {
    try {
      accessSync(each, readable);
      runs.push(listedRun(each));
    } catch (thrown) {
      const error = withoutRefusal(thrown);
      if (!(error instanceof StillhouseError)) throw error;
      unreadable.push({ folder: each, reason: error.message });
    }
  }
  return { runs: runs.sort((a, b) => b.startedAt.localeCompare(a.startedAt)), unreadable };
}
