// What a preparation leaves on disk: its result, and its progress while it is running.
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { DatasetManifest } from '@stillhouse/core';
import { targetTransforms } from '@stillhouse/core/training';
import { BlockFolder } from '../block/block-folder.js';
import { fileIdentity, type FileIdentity } from '../file/identity.js';
import { parseJson, readJson } from '../file/read-json.js';
import { writeWhole } from '../file/write-whole.js';
import type { Preprocessing } from '../table/preprocessing.js';
import type { FittedTensors } from '../tensor/tensor-rows.js';

/** How rows become inputs and labels. */
export interface FittedRows {
  readonly preprocessing: Preprocessing | null;
  readonly tensors: FittedTensors | null;
}

/** What the first reading of the sources has found. */
export interface Fitted extends FittedRows {
  /** With what the small set adds to the large one, if anything. */
  readonly student: FittedRows | null;
  /** What was taken from a teacher's preprocessing, as sentences. */
  readonly adopted?: readonly string[] | undefined;
  /** What is probably not meant as it is read, as sentences. */
  readonly doubts?: readonly string[] | undefined;
}

export interface PreparedFile extends Fitted {
  readonly manifest: DatasetManifest;
  readonly warnings: readonly string[];
  readonly sources: readonly FileIdentity[];
  /** Blocks in the order in which they were written, by set, or by segment of a set. */
  readonly written: Readonly<Record<string, readonly string[]>>;
}

interface Progress {
  readonly fitted?: Fitted;
  readonly block?: { readonly set: string; readonly hash: string };
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const numbers = z.array(z.number());
const strings = z.array(z.string());
const column = z.looseObject({ name: z.string(), type: z.enum(['number', 'category', 'tensor']), dtype: z.string() });
const scale = z.object({
  mean: z.number(),
  deviation: z.number(),
  transform: z.enum(targetTransforms).optional(),
  lambda: z.number().optional(),
  limit: z.number().optional(),
});
const fittedRows = z.object({
  preprocessing: z
    .object({
      columns: z.array(column),
      targets: z.array(z.looseObject({ ...scale.shape, name: z.string() })),
      classes: strings.optional(),
    })
    .nullable(),
  tensors: z
    .object({
      factors: numbers,
      offsets: numbers,
      classCount: z.number().nullable(),
      classes: strings.nullable(),
      targets: z.array(scale).optional(),
    })
    .nullable(),
});
const fittedSchema = fittedRows.extend({
  student: fittedRows.nullable(),
  adopted: strings.optional(),
  doubts: strings.optional(),
});
const modelShape = { inputShape: numbers, columns: z.array(column), outputs: z.number(), classes: strings.nullable() };
const preparedSchema = fittedSchema.extend({
  manifest: z.object({
    ...modelShape,
    student: z.object(modelShape).optional(),
    labelCount: z.number(),
    targets: z.array(scale),
    sets: z.record(
      z.string(),
      z.looseObject({ rowCount: z.number(), blockRows: z.number(), blocks: z.array(hash), rowsDigest: z.string() }),
    ),
  }),
  warnings: strings,
  sources: z.array(fileIdentity),
  written: z.record(z.string(), z.array(hash)),
});
const progressSchema = z.object({
  fitted: fittedSchema.optional(),
  block: z.object({ set: z.string(), hash }).optional(),
});

const preparedName = 'prepared.json';

/** Undefined if the folder has no complete preparation. */
export const readPrepared = (folder: string): PreparedFile | undefined =>
  readJson<PreparedFile>(join(folder, preparedName), preparedSchema);

/** A preparation that is running, or was interrupted. */
export class UnfinishedFolder {
  readonly blocks: BlockFolder;
  /** What an interrupted preparation had fitted. */
  readonly fitted: Fitted | undefined;
  readonly #known = new Map<string, string[]>();
  readonly #progressFile: string;

  constructor(private readonly path: string) {
    mkdirSync(path, { recursive: true });
    this.blocks = new BlockFolder(join(path, 'blocks'));
    this.#progressFile = join(path, 'progress.jsonl');
    // The last line may be incomplete if a process was killed.
    for (const line of existsSync(this.#progressFile) ? readFileSync(this.#progressFile, 'utf8').split('\n') : []) {
      const entry = parseJson<Progress>(line, progressSchema);
      this.fitted ??= entry?.fitted;
      if (!entry?.block) continue;
      const { set, hash: of } = entry.block;
      this.#known.set(set, [...this.knownBlocks(set), of]);
    }
  }

  /** Makes a finished preparation unfinished again, because some of its blocks are missing. */
  static reopen(
    path: string,
    finished: string,
    { preprocessing, tensors, student, adopted, written }: PreparedFile,
  ): void {
    rmSync(path, { recursive: true, force: true });
    renameSync(finished, path);
    const unfinished = new UnfinishedFolder(path);
    unfinished.note({ fitted: { preprocessing, tensors, student, adopted } });
    for (const [set, blocks] of Object.entries(written))
      for (const of of blocks) unfinished.note({ block: { set, hash: of } });
  }

  /** Hashes of the blocks that were already written for a set or one of its segments. */
  knownBlocks(set: string): readonly string[] {
    return this.#known.get(set) ?? [];
  }

  note(entry: Progress): void {
    appendFileSync(this.#progressFile, `${JSON.stringify(entry)}\n`);
  }

  /** Gives the folder its final name, so that a folder with that name is complete. */
  finish(folder: string, prepared: PreparedFile): void {
    writeWhole(join(this.path, preparedName), JSON.stringify(prepared));
    rmSync(this.#progressFile, { force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(this.path, folder);
  }
}
