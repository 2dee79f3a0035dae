// The folder that a run leaves: run.json, events.jsonl, logs/ and one folder per model; and what a restarted
// coordinator needs: the journal, checkpoints/, and coordinator.json with its secrets.
import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import {
  limits,
  messageOf,
  modelFiles,
  parseRunRecord,
  StillhouseError,
  storedNamesOf,
  type ExportedModel,
  type PhaseName,
  type RunRecord,
} from '@stillhouse/core';
import type { CheckpointRecord, JournalRecord } from '@stillhouse/core/cluster';
import {
  fileIdentity,
  readJson,
  refuseLinksIn,
  sha256,
  syncFolder,
  writeWhole,
  type FileIdentity,
} from '@stillhouse/datasets';
import type { CheckpointSink, RunStore } from './run-store.js';

export type CheckpointKey = Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>;

/** Numbers that are not finite become null. */
const writeJson = (path: string, value: unknown, mode?: number): void =>
  writeWhole(path, `${JSON.stringify(value, null, 2)}\n`, mode === undefined ? {} : { mode });

/** What a coordinator must know about its predecessor; only its user can read it. */
const secretsSchema = z.object({
  term: z.int().min(0).max(limits.coordinatorCount),
  runId: z.string(),
  token: z.string().min(1),
  meshToken: z.string().min(1),
  /** HOST:PORT that it listened on. */
  listen: z.string(),
});
export type CoordinatorSecrets = Readonly<z.infer<typeof secretsSchema>>;

/** Where the folder of a run has its record. */
export const recordFile = (folder: string): string => join(folder, 'run.json');

const dataFile = (folder: string): string => join(folder, 'data-files.json');

/** The files that a run's data were read from; undefined if an earlier version trained it. */
export const readDataFiles = (folder: string): FileIdentity[] | undefined =>
  readJson<FileIdentity[]>(dataFile(folder), z.array(fileIdentity));

/**
 * Reads run.json of a run folder.
 * @throws StillhouseError RUN_NOT_FOUND
 */
export function readRunRecord(folder: string): RunRecord {
  const file = recordFile(folder);
  if (!existsSync(folder)) throw new StillhouseError('RUN_NOT_FOUND', `${folder} does not exist`);
  if (!existsSync(file))
    throw new StillhouseError(
      'RUN_NOT_FOUND',
      `${folder} ${statSync(folder).isDirectory() ? 'has no run.json' : 'is not a folder'}`,
    );
  return parseRunRecord(readText(file), file);
}

export class RunFolder implements RunStore {
  private constructor(
    readonly path: string,
    private readonly metadataOf: (phase: PhaseName) => Record<string, unknown> = () => ({}),
  ) {}

  /**
   * Makes a new folder.
   * @throws StillhouseError OUT_EXISTS, OUT_UNWRITABLE
   */
  static create(path: string): RunFolder {
    const full = resolve(path);
    try {
      if (existsSync(full) && readdirSync(full).length > 0)
        throw new StillhouseError('OUT_EXISTS', `${full} already exists`, hintFor(full));
      mkdirSync(join(full, 'logs'), { recursive: true });
      mkdirSync(join(full, 'checkpoints'), { recursive: true });
      accessSync(full, constants.W_OK);
    } catch (cause) {
      if (cause instanceof StillhouseError) throw cause;
      const code =
        existsSync(full) && (cause as NodeJS.ErrnoException).code === 'ENOTDIR' ? 'OUT_EXISTS' : 'OUT_UNWRITABLE';
      throw new StillhouseError(code, `${full} cannot be created: ${messageOf(cause)}`, { cause });
    }
    return new RunFolder(full);
  }

  /**
   * Opens the folder of a run to continue it.
   * @throws StillhouseError RUN_NOT_FOUND, OUT_UNWRITABLE if something in it is a symbolic link
   */
  static open(path: string): RunFolder {
    const full = resolve(path);
    if (!existsSync(recordFile(full)) || !existsSync(join(full, 'coordinator.json')))
      throw new StillhouseError('RUN_NOT_FOUND', `${full} contains no run that can be continued`);
    refuseLinksIn(full);
    return new RunFolder(full);
  }

  /** The same folder, with the metadata for the files of its models. */
  withModelMetadata(metadataOf: (phase: PhaseName) => Record<string, unknown>): RunFolder {
    return new RunFolder(this.path, metadataOf);
  }

  /** Removes the folder of a run that did not begin. */
  discard(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  logFile(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  /** @throws StillhouseError OUT_UNWRITABLE */
  writeRecord(record: RunRecord): void {
    this.#write(() => writeJson(recordFile(this.path), record));
  }

  /** @throws StillhouseError RUN_NOT_FOUND */
  readRecord(): RunRecord {
    return readRunRecord(this.path);
  }

  /**
   * The files that the run's data were read from: an evaluation compares them with what they are later.
   * @throws StillhouseError OUT_UNWRITABLE
   */
  writeDataFiles(files: readonly FileIdentity[]): void {
    this.#write(() => writeJson(dataFile(this.path), files));
  }

  /** @throws StillhouseError OUT_UNWRITABLE */
  writeSecrets(secrets: CoordinatorSecrets): void {
    this.#write(() => writeJson(join(this.path, 'coordinator.json'), secrets, 0o600));
  }

  /** @throws StillhouseError RUN_NOT_FOUND */
  readSecrets(): CoordinatorSecrets {
    const file = join(this.path, 'coordinator.json');
    try {
      return secretsSchema.parse(JSON.parse(readText(file)));
    } catch (cause) {
      if (cause instanceof StillhouseError) throw cause;
      const [issue] = cause instanceof z.ZodError ? cause.issues : [];
      const why = issue ? `${issue.path.map(String).join('.')}: ${issue.message}` : messageOf(cause);
      throw new StillhouseError('RUN_NOT_FOUND', `${file} cannot be read: ${why}`, { cause });
    }
  }

  /** What `stillhouse status` shows. @throws StillhouseError OUT_UNWRITABLE */
  writeStatus(status: object): void {
    this.#write(() => {
      const path = join(this.path, 'status.json');
      // Written anew with every change; of no use after a power failure.
      writeWhole(path, `${JSON.stringify(status)}\n`, { isSynced: false });
    });
  }

  /** One line of events.jsonl. @throws StillhouseError OUT_UNWRITABLE */
  appendEvent(event: object): void {
    this.#write(() => appendFileSync(join(this.path, 'events.jsonl'), `${JSON.stringify(event)}\n`));
  }

  /** The journal's text; a record that was being written when a process died is removed from the file. */
  readJournal(): string {
    const path = this.#journalPath;
    if (!existsSync(path)) return '';
    const bytes = readFileSync(path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) {
      const file = openSync(path, 'r+');
      try {
        ftruncateSync(file, whole);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    }
    return bytes.subarray(0, whole).toString('utf8');
  }

  append(record: JournalRecord): void {
    this.#write(() => {
      const path = this.#journalPath;
      const isNew = !existsSync(path);
      const file = openSync(path, 'a');
      try {
        const line = Buffer.from(`${JSON.stringify(record)}\n`);
        const { size } = fstatSync(file);
        try {
          for (let written = 0; written < line.length;) written += writeSync(file, line, written);
          fsyncSync(file);
        } catch (error) {
          // Half a record would corrupt the next one.
          ftruncateSync(file, size);
          throw error;
        }
      } finally {
        closeSync(file);
      }
      if (isNew) syncFolder(this.path);
    });
  }

  newestTerm(): number {
    try {
      return this.readSecrets().term;
    } catch {
      return 0;
    }
  }

  /** Writes a model as a TFJS LayersModel and as safetensors. */
  saveModel(phase: PhaseName, model: ExportedModel, lastGood: boolean): string {
    const { json, weights, safetensors } = modelFiles(model, this.metadataOf(phase));
    const folder = join(this.path, lastGood ? `${phase}-last-good` : phase);
    this.#write(() => {
      mkdirSync(folder, { recursive: true });
      writeWhole(join(folder, 'weights.bin'), weights);
      writeWhole(join(folder, 'model.safetensors'), safetensors);
      writeWhole(join(folder, 'model.json'), json);
    });
    return sha256(weights);
  }

  readModel(phase: PhaseName): Uint8Array | undefined {
    return storedNamesOf(phase)
      .map((name) => readIfThere(join(this.path, name, 'weights.bin')))
      .find((bytes) => bytes !== undefined);
  }

  beginCheckpoint(): CheckpointSink {
    const part = join(this.path, 'checkpoints', 'checkpoint.part');
    const file = this.#write(() => {
      rmSync(part, { force: true });
      return openSync(part, 'wx');
    });
    let isOpen = true;
    const close = (): void => {
      if (isOpen) closeSync(file);
      isOpen = false;
    };
    return {
      write: (bytes) =>
        this.#write(() => {
          for (let written = 0; written < bytes.byteLength;) written += writeSync(file, bytes, written);
        }),
      commit: (record) =>
        this.#write(() => {
          fsyncSync(file);
          close();
          renameSync(part, this.#checkpointPaths(record)[0]);
          syncFolder(dirname(part));
        }),
      abandon: () => {
        close();
        rmSync(part, { force: true });
      },
    };
  }

  readCheckpoint(record: CheckpointKey): Uint8Array | undefined {
    return this.#checkpointPaths(record)
      .map(readIfThere)
      .find((bytes) => bytes !== undefined);
  }

  dropCheckpoint(record: CheckpointKey): void {
    this.#write(() => {
      for (const path of this.#checkpointPaths(record)) if (existsSync(path)) unlinkSync(path);
    });
  }

  get #journalPath(): string {
    return join(this.path, 'journal.jsonl');
  }

  /** Where a checkpoint is written, followed by where an earlier version would have written it. */
  #checkpointPaths({ phase, ops, sha256 }: CheckpointKey): string[] {
    const rest = `${String(ops).padStart(9, '0')}-${sha256.slice(0, 16)}.safetensors`;
    return storedNamesOf(phase).map((name) => join(this.path, 'checkpoints', `${name}-${rest}`));
  }

  #write<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new StillhouseError('OUT_UNWRITABLE', `${this.path} cannot be written: ${messageOf(cause)}`, {
        cause,
        next: `Make room in ${dirname(this.path)}, or choose another folder with --out.`,
      });
    }
  }
}

/** What can be done with a folder that is there already: a run in it that is not done can be continued. */
function hintFor(folder: string): { next?: string } {
  try {
    if (readRunRecord(folder).status === 'done') return {};
  } catch {
    return {};
  }
  return {
    next:
      `It has a run that is not done: continue that with \`stillhouse run --resume ${folder}\`, or choose another ` +
      'folder with --out.',
  };
}

/** @throws StillhouseError RUN_NOT_FOUND */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new StillhouseError('RUN_NOT_FOUND', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
