// Runs of a command that starts many: what is done already is not run again.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunRecord, type RunRecord } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import type { RecipeFile } from '../run/recipe-file.js';
import { runFile } from '../run/run.js';

/** run.json of a folder whose run is done. */
function doneRecord(folder: string): RunRecord | undefined {
  const file = join(folder, 'run.json');
  if (!existsSync(file)) return undefined;
  const record = parseRunRecord(readFileSync(file, 'utf8'), file);
  return record.status === 'done' ? record : undefined;
}

export class KeptRuns {
  /** By folder; two may want the same run at once. */
  readonly #started = new Map<string, Promise<RunRecord>>();

  constructor(private readonly options: { readonly backend: BackendName; readonly signal: AbortSignal }) {}

  run(file: RecipeFile, folder: string, workers: number): Promise<RunRecord> {
    const started = this.#started.get(folder) ?? this.#run(file, folder, workers);
    this.#started.set(folder, started);
    return started;
  }

  async #run(file: RecipeFile, folder: string, workers: number): Promise<RunRecord> {
    const done = doneRecord(folder);
    if (done) return done;
    // What an interrupted run left.
    rmSync(folder, { recursive: true, force: true });
    const { record } = await runFile(file, { ...this.options, workers, out: folder });
    return record;
  }
}
