// From a recipe's data section to blocks on disk: sources are read twice, once to fit and once to write, in memory that
// does not grow with the rows. A prepared set is found by the hash of what it was made from, and an interrupted
// preparation continues where it stopped.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { StillhouseError, type DatasetManifest, type HeldOut, type Recipe, type SourceConfig } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { BlockFolder, notWritten } from '../block/block-folder.js';
import { lockFolder, type FolderLock } from '../file/folder-lock.js';
import { fileIdentity, identify, type FileIdentity } from '../file/identity.js';
import type { DataPlaces } from '../file/places.js';
import { readJson } from '../file/read-json.js';
import { writeWhole } from '../file/write-whole.js';
import { contentOf, type Source, type SourceContext } from '../source/source.js';
import { openContext, openSource, sourceContext, sourceKind } from '../source/sources.js';
import { TableReader } from '../table/duckdb.js';
import type { Preprocessing } from '../table/preprocessing.js';
import { fitSets } from './fit.js';
import { openSet, refuseUnlike, withLabels, type OpenedSet, type OpenedSets } from './opened-set.js';
import { readPrepared, UnfinishedFolder, type Fitted, type FittedRows } from './prepared-folder.js';
import { SetWriter } from './set-writer.js';
import { blockShapeOf, manifestOf } from './shape.js';
import { maybeSeen, type Taught } from './taught.js';
import { addedTo, unlikeColumns, unnamedColumns } from './unlike-sets.js';
import { unusedTableKeys } from './unused-table-keys.js';
import {
  dataOf,
  drawnPerValue,
  folderNameOf,
  sourceId,
  unusedSets,
  usedSources,
  type SourceName,
} from './used-sources.js';
import { writeSets, type WrittenSets } from './write-sets.js';

export interface Dataset {
  readonly manifest: DatasetManifest;
  readonly blocks: BlockFolder;
  /** Only for tables. */
  readonly preprocessing: Preprocessing | undefined;
  readonly heldOut: HeldOut;
  readonly warnings: readonly string[];
  /** SHA-256 of the modules that give rows, by their paths in the recipe. */
  readonly modules: Readonly<Record<string, string>>;
  /** The files that its sources read, as they are now. */
  readonly files: readonly FileIdentity[];
  /** Whether it had been prepared before. */
  readonly isKept: boolean;
}

export interface PrepareOptions {
  /** Folder of prepared data sets. */
  readonly folder: string;
  /** Receives how many rows have been written. */
  readonly onProgress?: (progress: { set: string; rows: number; of: number }) => void;
  /** Prepares again, even if it has been prepared. */
  readonly again?: boolean;
  /** Whether later runs must find the sources as they are now. */
  readonly pin?: boolean;
  /** What a teacher that Stillhouse trained prescribes. */
  readonly taught?: Taught | undefined;
  /** Ends the preparation early, with INTERRUPTED; another one continues it. */
  readonly signal?: AbortSignal | undefined;
}

/** Codes of errors after which a preparation could be continued; after any other it would fail again. */
const continuable: readonly string[] = ['DATA_SPACE', 'DATA_LOCKED', 'INTERRUPTED'];

/** @throws StillhouseError INTERRUPTED */
function heed(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new StillhouseError('INTERRUPTED', 'the preparation of the data was interrupted', {
      next: 'Run it again: the preparation continues where it stopped.',
    });
}

/**
 * Prepares the data of a recipe, or finds it prepared.
 * @throws StillhouseError TEACHER_UNLIKE, or with a DATA_ code that names file, row and column
 */
export async function prepareDataset(recipe: Recipe, places: DataPlaces, options: PrepareOptions): Promise<Dataset> {
  mkdirSync(options.folder, { recursive: true });
  const config = folderNameOf([dataOf(recipe), places.recipeFolder, places.dataFolders]);
  const scratch = join(options.folder, `${config}.partial`);
  const lock = await lockFolder(scratch);
  const tidy = (): void => {
    for (const name of ['queries.duckdb', 'queries.duckdb.wal', 'spill', 'spool'])
      rmSync(join(scratch, name), { recursive: true, force: true });
  };
  // Left by a process that was killed.
  tidy();
  const tables = new TableReader(places.recipeFolder, scratch, places.dataFolders);
  try {
    const context = sourceContext(places, tables);
    return await new Preparation(recipe, context, options, { config, scratch, lock }).run();
  } catch (cause) {
    const error = (cause as NodeJS.ErrnoException).syscall === undefined ? cause : notWritten(options.folder, cause);
    if (!(error instanceof StillhouseError) || !continuable.includes(error.code))
      for (const name of readdirSync(scratch)) rmSync(join(scratch, name), { recursive: true, force: true });
    throw error;
  } finally {
    tables.close();
    tidy();
    await lock.release();
  }
}

/**
 * Raise it when the same sources give other rows than before: what an earlier version prepared is then prepared again.
 */
const readingVersion = 2;

const identities = z.array(fileIdentity);
const progressMs = 200;

class Preparation {
  constructor(
    private readonly recipe: Recipe,
    private readonly context: SourceContext,
    private readonly options: PrepareOptions,
    private readonly own: { config: string; scratch: string; lock: FolderLock },
  ) {}

  async run(): Promise<Dataset> {
    const { recipe, options } = this;
    const sources = await this.#identify(await this.#files());
    const { taught } = options;
    const heldOut = await this.#heldOut(sources);
    const key = folderNameOf([
      readingVersion,
      dataOf(recipe),
      sources.map(({ sha256 }) => sha256),
      await this.#fileNames(),
      ...(taught ? [{ ...taught, heldOutSeed: heldOut.seed }] : []),
    ]);
    const folder = join(options.folder, key);
    const unfinished = join(this.own.scratch, key);
    if (options.again) rmSync(folder, { recursive: true, force: true });
    const before = readPrepared(folder);
    const blocks = new BlockFolder(join(folder, 'blocks'));
    const isMissing =
      before &&
      Object.values(before.manifest.sets)
        .flatMap((set) => set.blocks)
        .some((hash) => !blocks.has(hash));
    // Corrupt blocks have been removed; they are written again.
    if (isMissing) UnfinishedFolder.reopen(unfinished, folder, before);
    // An interrupted preparation may not continue if sources may now return their rows in another order.
    else if (!(await this.#isRepeatable())) rmSync(unfinished, { recursive: true, force: true });
    const isKept = before !== undefined && !isMissing;
    if (!isKept) await this.#write(folder, unfinished, { sources, heldOut });
    if (options.pin) writeWhole(this.#pinFile, JSON.stringify(sources));
    const { manifest, preprocessing, warnings } = readPrepared(folder)!;
    return {
      manifest,
      preprocessing: preprocessing ?? undefined,
      heldOut,
      warnings: [...warnings, ...(taught ? maybeSeen(taught, heldOut) : [])],
      modules: this.#modules(sources),
      files: sources,
      blocks,
      isKept,
    };
  }

  async #files(): Promise<string[]> {
    const files = new Set<string>();
    for (const [, config] of usedSources(this.recipe))
      for (const file of await sourceKind(config).files(config, this.context)) files.add(file);
    return [...files];
  }

  async #fileNames(): Promise<string[]> {
    const names: string[] = [];
    for (const [, config] of usedSources(this.recipe))
      names.push(...((await sourceKind(config).fileNames?.(config, this.context)) ?? []));
    return names;
  }

  /** Rows are held out as they were when the teacher was trained, if it was trained on the same ones. */
  async #heldOut(identities: readonly FileIdentity[]): Promise<HeldOut> {
    const { recipe, options } = this;
    const { large, split } = recipe.data;
    const hashes = new Map(identities.map(({ path, sha256 }) => [path, sha256]));
    const files = await sourceKind(large).files(large, this.context);
    const rows = folderNameOf(files.length > 0 ? files.map((path) => hashes.get(path)) : sourceId(large));
    const taught = options.taught?.heldOut;
    return {
      rows,
      seed: taught?.rows === rows ? taught.seed : recipe.seed,
      test: split?.test ?? 0,
      ...(split?.by === undefined ? {} : { by: split.by }),
    };
  }

  #modules(identities: readonly FileIdentity[]): Record<string, string> {
    const hashes = new Map(identities.map(({ path, sha256 }) => [path, sha256]));
    const modules = usedSources(this.recipe).flatMap(([, config]) => sourceKind(config).modules?.(config) ?? []);
    return Object.fromEntries(modules.map((path) => [path, hashes.get(this.context.find(path))!]));
  }

  async #isRepeatable(): Promise<boolean> {
    for (const [, config] of usedSources(this.recipe))
      if (!(await sourceKind(config).isRepeatable(config, this.context))) return false;
    return true;
  }

  get #pinFile(): string {
    return join(this.options.folder, `${this.own.config}.pin.json`);
  }

  /** Hashes the files of the sources that have changed since they were last hashed. */
  async #identify(files: readonly string[]): Promise<FileIdentity[]> {
    const { folder, again } = this.options;
    const knownFile = join(folder, 'files.json');
    const known = new Map(
      (readJson<FileIdentity[]>(knownFile, identities) ?? []).map((each) => [each.path, each] as const),
    );
    const found: FileIdentity[] = [];
    for (const path of files) {
      heed(this.options.signal);
      const identity = await identify(path, known.get(path));
      known.set(path, identity);
      found.push(identity);
    }
    writeWhole(knownFile, JSON.stringify([...known.values()]));
    const pinned = again ? undefined : readJson<FileIdentity[]>(this.#pinFile, identities);
    if (pinned) refuseUnpinned(found, pinned);
    return found;
  }

  async #write(
    folder: string,
    path: string,
    { sources, heldOut }: { sources: readonly FileIdentity[]; heldOut: HeldOut },
  ): Promise<void> {
    const { recipe } = this;
    const sets = await this.#open(heldOut.seed);
    const unfinished = new UnfinishedFolder(path);
    let { fitted } = unfinished;
    if (!fitted) {
      fitted = await fitSets(sets, recipe, this.options.taught);
      unfinished.note({ fitted });
    }
    heed(this.options.signal);
    const done: WrittenSets[] = [];
    for (const opened of sets.values()) done.push(await this.#writeSets(opened, { sets, fitted, unfinished }));
    refuseChanged(sources);
    this.own.lock.assertHeld();
    unfinished.finish(folder, {
      manifest: manifestOf(
        lossOf(recipe.loss),
        sets.get('large')!.source,
        fitted,
        joined(done.map((each) => each.sets)),
      ),
      ...fitted,
      // A source that serves several sets has said it for each.
      warnings: [
        ...new Set([
          ...unusedSets(recipe),
          ...drawnPerValue(recipe),
          ...unusedTableKeys(
            recipe,
            [fitted, fitted.student].flatMap((each) => each?.preprocessing ?? []),
          ),
          ...(fitted.adopted ?? []),
          ...(fitted.doubts ?? []),
          ...addedTo(fitted),
          ...unnamedColumns(
            [...sets.values()].flatMap(({ source }) => (source.type === 'table' ? source.table : [])),
            Object.keys(recipe.data.table?.columns ?? {}),
          ),
          ...done.flatMap((each) => each.warnings),
        ]),
      ],
      sources,
      written: joined(done.map((each) => each.written)),
    });
  }

  /** A source that serves several sets is opened once. */
  async #open(heldOutSeed: number): Promise<OpenedSets> {
    const { recipe } = this;
    const opened = new Map<string, Source>();
    const all: { name: SourceName; config: SourceConfig; source: Source }[] = [];
    for (const [name, config] of usedSources(recipe)) {
      const id = `${sourceId(config)} ${withLabels(name)}`;
      const source = opened.get(id) ?? (await openSource(config, openContext(this.context, recipe, withLabels(name))));
      opened.set(id, source);
      all.push({ name, config, source });
    }
    const sets = new Map<SourceName, OpenedSet>();
    for (const each of all) {
      const set = await openSet(each, recipe, heldOutSeed);
      sets.set(each.name, set);
      refuseUnlike(set, sets.get('large')!);
    }
    return sets;
  }

  async #writeSets(
    opened: OpenedSet,
    { sets, fitted, unfinished }: { sets: OpenedSets; fitted: Fitted; unfinished: UnfinishedFolder },
  ): Promise<WrittenSets> {
    const { recipe } = this;
    const { name, source } = opened;
    const large = sets.get('large')!.source;
    const rows: FittedRows = name === 'large' ? fitted : (fitted.student ?? fitted);
    const shape = blockShapeOf(lossOf(recipe.loss), large, rows);
    const unlike =
      name !== 'large' && source.type === 'table' && large.type === 'table'
        ? unlikeColumns(name, { table: source.table, large: large.table }, rows.preprocessing!, recipe.data)
        : [];
    const { rowCount: of } = contentOf(source);
    let reportedMs = 0;
    const done = await writeSets(opened, {
      recipe,
      fitted: rows,
      shape,
      writerFor: (set) => this.#writerFor(set, shape, unfinished),
      onProgress: (written) => {
        heed(this.options.signal);
        if (Date.now() - reportedMs <= progressMs) return;
        reportedMs = Date.now();
        this.options.onProgress?.({ set: name, rows: written, of });
      },
    });
    return { ...done, warnings: [...(source.warnings ?? []), ...unlike, ...done.warnings] };
  }

  #writerFor(set: string, shape: ReturnType<typeof blockShapeOf>, unfinished: UnfinishedFolder): SetWriter {
    const { blocks } = unfinished;
    return new SetWriter(
      shape,
      { known: unfinished.knownBlocks(set), has: (hash) => blocks.has(hash) },
      (hash, bytes, isKnown) => {
        this.own.lock.assertHeld();
        blocks.write(hash, bytes);
        if (!isKnown) unfinished.note({ block: { set, hash } });
      },
    );
  }
}

const joined = <Value>(parts: readonly Readonly<Record<string, Value>>[]): Record<string, Value> =>
  Object.fromEntries(parts.flatMap((part) => Object.entries(part)));

/** @throws StillhouseError DATA_CHANGED if files are not those that were pinned */
function refuseUnpinned(found: readonly FileIdentity[], pinned: readonly FileIdentity[]): void {
  const changed =
    pinned.find(({ path, sha256 }) => !found.some((each) => each.path === path && each.sha256 === sha256)) ??
    found.find(({ path }) => !pinned.some((each) => each.path === path));
  if (changed)
    throw new StillhouseError('DATA_CHANGED', `${changed.path} has changed since \`stillhouse data prepare\` read it`);
}

/**
 * Sources were read twice: the rows that were fitted must be the rows that were written.
 * @throws StillhouseError DATA_CHANGED
 */
function refuseChanged(sources: readonly FileIdentity[]): void {
  for (const { path, bytes, modifiedMs } of sources) {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now?.size !== bytes || now.mtimeMs !== modifiedMs)
      throw new StillhouseError('DATA_CHANGED', `${path} changed while it was being prepared`, {
        next: 'Run again when nothing writes to the file any more.',
      });
  }
}
