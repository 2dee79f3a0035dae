// The folder that a run leaves: run.json, events.jsonl, logs/, and one folder per model.
import { accessSync, appendFileSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { modelFiles, StillhouseError, type ExportedModel, type RunRecord } from '@stillhouse/core';

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Written beside the file and renamed, so that a reader never sees half of it. Numbers that are not finite become null. */
function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.part`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.part`, path);
}

export class RunFolder {
  private constructor(readonly path: string) {}

  /**
   * Makes a new folder.
   * @throws StillhouseError OUT_EXISTS, OUT_UNWRITABLE
   */
  static create(path: string): RunFolder {
    const full = resolve(path);
    try {
      if (existsSync(full) && readdirSync(full).length > 0) throw new StillhouseError('OUT_EXISTS', `${full} exists already`);
      mkdirSync(join(full, 'logs'), { recursive: true });
      accessSync(full, constants.W_OK);
    } catch (cause) {
      if (cause instanceof StillhouseError) throw cause;
      const code = existsSync(full) && (cause as NodeJS.ErrnoException).code === 'ENOTDIR' ? 'OUT_EXISTS' : 'OUT_UNWRITABLE';
      throw new StillhouseError(code, `${full} cannot be made: ${reasonOf(cause)}`, { cause });
    }
    return new RunFolder(full);
  }

  /** Takes the folder back, for a run that did not begin. */
  discard(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  logFile(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  /** @throws StillhouseError OUT_UNWRITABLE */
  writeRecord(record: RunRecord): void {
    this.#write(() => writeJson(join(this.path, 'run.json'), record));
  }

  /** One line of events.jsonl. */
  appendEvent(event: object): void {
    this.#write(() => appendFileSync(join(this.path, 'events.jsonl'), `${JSON.stringify(event)}\n`));
  }

  /** Writes a model as a TFJS LayersModel and as safetensors. */
  saveModel(name: string, model: ExportedModel, metadata: Record<string, unknown>): void {
    const { json, weights, safetensors } = modelFiles(model, metadata);
    const folder = join(this.path, name);
    this.#write(() => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'weights.bin'), weights);
      writeFileSync(join(folder, 'model.safetensors'), safetensors);
      writeFileSync(join(folder, 'model.json'), json);
    });
  }

  #write(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw new StillhouseError('OUT_UNWRITABLE', `${this.path} cannot be written: ${reasonOf(cause)}`, { cause, next: `Make room in ${dirname(this.path)}, or choose another folder with --out.` });
    }
  }
}
