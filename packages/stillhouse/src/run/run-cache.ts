// The runs of a command that starts many: finished runs are not repeated.
import { existsSync, rmSync } from 'node:fs';
import { readRunRecord, recordFile } from '@stillhouse/coordinator';
import type { RunRecord } from '@stillhouse/core';
import { runLoaded, type RunnableRecipe, type RunOptions } from './run.js';

/** run.json of a folder whose run is done. */
function doneRecord(folder: string): RunRecord | undefined {
  if (!existsSync(recordFile(folder))) return undefined;
  const record = readRunRecord(folder);
  return record.status === 'done' ? record : undefined;
}

export type CachedRunOptions = Pick<RunOptions, 'backend' | 'signal' | 'heartbeatTimeoutMs' | 'checkpointEveryMs'>;

export class RunCache {
  /** Started runs by folder; two callers may request the same run at once. */
  readonly #started = new Map<string, Promise<RunRecord>>();

  constructor(private readonly options: CachedRunOptions) {}

  run(file: RunnableRecipe, folder: string, workers: number): Promise<RunRecord> {
    const started = this.#started.get(folder) ?? this.#run(file, folder, workers);
    this.#started.set(folder, started);
    return started;
  }

  async #run(file: RunnableRecipe, folder: string, workers: number): Promise<RunRecord> {
    const done = doneRecord(folder);
    if (done) return done;
    // Left by an interrupted run.
    rmSync(folder, { recursive: true, force: true });
    const { record } = await runLoaded(file, { ...this.options, workers, out: folder });
    return record;
  }
}
