// From a recipe's data section to blocks on disk: sources are read twice, once to fit, once to write, in memory that does
// not grow with the rows. What has been prepared is kept by the hash of what it was made from, and an interrupted
// preparation goes on where it was.
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  inputWidth, isClassification, limits, StillhouseError,
  type DatasetManifest, type LossName, type Recipe, type SetManifest, type SetName, type SourceConfig, type TensorColumn,
} from '@stillhouse/core';
import { BlockFolder, notWritten } from './block-folder.js';
import { rowsPerBlock, sha256, windowOf, type BlockShape } from './blocks.js';
import { identify, type DataPlaces, type FileIdentity } from './files.js';
import { fitTable, indexType, NumberSummary, targetsOf, type Preprocessing } from './preprocessing.js';
import { joinSegments, segmentOf, type WrittenSegment } from './segments.js';
import { selectRows, type Part, type RowFacts, type Selection } from './select-rows.js';
import { SetWriter } from './set-writer.js';
import { openSource, TableReader, type Source } from './sources.js';
import { storedTable, type StoredRows } from './stored-rows.js';
import { sizeOf, type TensorSet } from './tensor-set.js';

export interface Dataset {
  readonly manifest: DatasetManifest;
  readonly blocks: BlockFolder;
  /** Only for tables. */
  readonly preprocessing: Preprocessing | undefined;
  readonly warnings: readonly string[];
  /** Whether it was there already. */
  readonly isKept: boolean;
}

export interface PrepareOptions {
  /** Folder of prepared data sets. */
  readonly folder: string;
  /** Hears how many rows have been written. */
  readonly onProgress?: (progress: { set: string; rows: number; of: number }) => void;
  /** Prepares anew, whatever is there. */
  readonly again?: boolean;
  /** Whether later runs must find the sources as they are now. */
  readonly pin?: boolean;
}

type SourceName = 'large' | 'small' | 'test';
const sourceNames: readonly SourceName[] = ['large', 'small', 'test'];
const setNames: Readonly<Record<SourceName, Readonly<Partial<Record<NonNullable<Part>, SetName>>>>> = {
  large: { training: 'large', validation: 'largeValidation', test: 'test' },
  small: { training: 'small', validation: 'smallValidation' },
  test: { training: 'test' },
};

/** Raised whenever what is prepared from the same sources changes. */
const format = 1;

const hashJson = (value: unknown): string => sha256(new TextEncoder().encode(JSON.stringify(value))).slice(0, 32);

/** What of a recipe decides about its data. */
const dataOf = (recipe: Recipe): unknown => ({
  format, data: recipe.data, loss: recipe.loss, seed: recipe.seed, ranks: recipe.ranks, validation: recipe.teacher.validation, student: recipe.student?.validation ?? null,
});

interface PreparedFile {
  readonly manifest: DatasetManifest;
  readonly preprocessing: Preprocessing | null;
  readonly tensors: FittedTensors | null;
  readonly warnings: readonly string[];
  readonly sources: readonly FileIdentity[];
  /** Blocks in the order in which they were written, by set, or by segment of a set. */
  readonly written: Readonly<Record<string, readonly string[]>>;
}

interface Progress {
  readonly fitted?: Fitted;
  readonly block?: { readonly set: string; readonly hash: string };
}

/** What the first reading of the sources has found out. */
interface Fitted {
  readonly preprocessing: Preprocessing | null;
  readonly tensors: FittedTensors | null;
}

/** How rows of tensors become inputs and labels. */
interface FittedTensors {
  /** An input is v·factor + offset, with one for all channels or one for each. */
  readonly factors: readonly number[];
  readonly offsets: readonly number[];
  readonly classCount: number | null;
  /** Names of the classes, where they have some. */
  readonly classes: readonly string[] | null;
}

const usedSources = (recipe: Recipe): [SourceName, SourceConfig][] => sourceNames.flatMap((name): [SourceName, SourceConfig][] => (recipe.data[name] && (name !== 'small' || recipe.student) ? [[name, recipe.data[name]]] : []));

const sourceKey = (config: SourceConfig): string => JSON.stringify({ ...config, take: undefined, perClass: undefined });

/**
 * Prepares the data of a recipe, or finds it prepared.
 * @throws StillhouseError with a DATA_ code that names file, row and column
 */
export async function prepareDataset(recipe: Recipe, places: DataPlaces, options: PrepareOptions): Promise<Dataset> {
  mkdirSync(options.folder, { recursive: true });
  const config = hashJson([dataOf(recipe), places.recipeFolder, places.dataFolders]);
  const scratch = join(options.folder, `${config}.partial`);
  mkdirSync(scratch, { recursive: true });
  const unlock = await lock(scratch);
  const tidy = (): void => {
    for (const name of ['queries.duckdb', 'queries.duckdb.wal', 'spill', 'spool']) rmSync(join(scratch, name), { recursive: true, force: true });
  };
  // What a process that was killed has left.
  tidy();
  const reader = new TableReader(places, scratch);
  try {
    return await new Preparation(recipe, places, options, { config, scratch, reader }).run();
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).syscall === undefined ? cause : notWritten(options.folder, cause);
  } finally {
    reader.close();
    tidy();
    unlock();
  }
}

class Preparation {
  constructor(
    private readonly recipe: Recipe,
    private readonly places: DataPlaces,
    private readonly options: PrepareOptions,
    private readonly own: { config: string; scratch: string; reader: TableReader },
  ) {}

  async run(): Promise<Dataset> {
    const { recipe, options, own } = this;
    // One source may serve several sets: it is opened once.
    const opened = new Map<string, Source>();
    const sources = new Map<SourceName, Source>();
    for (const [name, config] of usedSources(recipe)) {
      const key = sourceKey(config);
      if (!opened.has(key)) opened.set(key, await openSource(config, recipe, this.places, own.reader));
      sources.set(name, opened.get(key)!);
    }
    const identities = await this.#identify([...new Set([...opened.values()].flatMap(({ files }) => files))]);
    const key = hashJson([dataOf(recipe), identities.map(({ sha256: hash }) => hash)]);
    const folder = join(options.folder, key);
    const file = join(folder, 'prepared.json');
    if (options.again) rmSync(folder, { recursive: true, force: true });
    const before = readJson<PreparedFile>(file);
    const written = new BlockFolder(join(folder, 'blocks'));
    const missing = before && Object.values(before.manifest.sets).flatMap(({ blocks }) => blocks).some((hash) => !written.has(hash));
    // Blocks that have been removed, since they were spoilt, are written anew.
    if (missing) this.#reopen(folder, key, before);
    const isKept = before !== undefined && !missing;
    if (!isKept) await this.#write(folder, key, sources, identities);
    if (options.pin) writeFileSync(this.#pinFile, JSON.stringify(identities));
    rmSync(own.scratch, { recursive: true, force: true });
    const { manifest, preprocessing, warnings } = JSON.parse(readFileSync(file, 'utf8')) as PreparedFile;
    return { manifest, preprocessing: preprocessing ?? undefined, warnings, blocks: new BlockFolder(join(folder, 'blocks')), isKept };
  }

  /** Makes an interrupted preparation of one that was done. */
  #reopen(folder: string, key: string, { preprocessing, tensors, written }: PreparedFile): void {
    const partial = join(this.own.scratch, key);
    rmSync(partial, { recursive: true, force: true });
    renameSync(folder, partial);
    const entries: Progress[] = [{ fitted: { preprocessing, tensors } }, ...Object.entries(written).flatMap(([set, blocks]) => blocks.map((hash) => ({ block: { set, hash } })))];
    writeFileSync(join(partial, 'progress.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  }

  get #pinFile(): string {
    return join(this.options.folder, `${this.own.config}.pin.json`);
  }

  /** Hashes the files of the sources, where they have changed since they were hashed last. */
  async #identify(files: readonly string[]): Promise<FileIdentity[]> {
    const { folder, again } = this.options;
    const knownFile = join(folder, 'files.json');
    const known = new Map((readJson<FileIdentity[]>(knownFile) ?? []).map((each) => [each.path, each]));
    const identities: FileIdentity[] = [];
    for (const path of files) {
      const identity = await identify(path, known.get(path));
      known.set(path, identity);
      identities.push(identity);
    }
    writeWhole(knownFile, JSON.stringify([...known.values()]));
    const pinned = again ? undefined : readJson<FileIdentity[]>(this.#pinFile);
    if (!pinned) return identities;
    const changed = pinned.find(({ path, sha256: hash }) => !identities.some((each) => each.path === path && each.sha256 === hash)) ?? identities.find(({ path }) => !pinned.some((each) => each.path === path));
    if (changed) throw new StillhouseError('DATA_CHANGED', `${changed.path} is not what it was when \`stillhouse data prepare\` read it`);
    return identities;
  }

  async #write(folder: string, key: string, sources: ReadonlyMap<SourceName, Source>, identities: readonly FileIdentity[]): Promise<void> {
    const { recipe, own } = this;
    const partial = join(own.scratch, key);
    // A stored query need not give its rows in the same order again.
    if (usedSources(recipe).some(([, config]) => 'sql' in config)) rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const blocks = new BlockFolder(join(partial, 'blocks'));
    const progressFile = join(partial, 'progress.jsonl');
    const before = readProgress(progressFile);
    const say = (entry: Progress): void => appendFileSync(progressFile, `${JSON.stringify(entry)}\n`);
    const large = sources.get('large')!;
    const selections = new Map<SourceName, Selection>();
    for (const [name, config] of usedSources(recipe)) {
      const source = sources.get(name)!;
      selections.set(name, await this.#select(name, config, source));
      if (kindOf(source) !== kindOf(large)) throw new StillhouseError('DATA_FORMAT', `data.${name} (${whatOf(source)}) has rows of another kind than data.large (${whatOf(large)})`);
    }
    let fitted = before.fitted;
    if (!fitted) {
      fitted = await this.#fit(large, selections.get('large')!, sources);
      say({ fitted });
    }
    const preprocessing = fitted.preprocessing ?? undefined;
    const shape = shapeOf(recipe.loss, large, fitted);
    const sets: Partial<Record<SetName, SetManifest>> = {};
    const written: Record<string, readonly string[]> = {};
    const warnings = recipe.data.small && !recipe.student ? ['data.small is not used: the recipe has no student'] : [];
    for (const [name] of usedSources(recipe)) {
      const write = (set: string) => new SetWriter(shape, { known: before.blocks.get(set) ?? [], has: (hash) => blocks.has(hash) }, (hash, bytes, isKnown) => {
        blocks.write(hash, bytes);
        if (!isKnown) say({ block: { set, hash } });
      });
      const done = await this.#writeSets({ name, source: sources.get(name)!, selection: selections.get(name)!, fitted, shape, write });
      Object.assign(sets, done.sets);
      Object.assign(written, done.written);
      warnings.push(...done.warnings);
    }
    this.#refuseChanged(identities);
    const labelCount = shape.labelCount;
    const { loss } = recipe;
    const classes = preprocessing?.classes ?? fitted.tensors?.classes ?? null;
    const classCount = classes?.length ?? fitted.tensors?.classCount;
    const manifest: DatasetManifest = {
      inputShape: shape.inputShape, columns: shape.columns, outputs: loss === 'softmaxCrossEntropy' ? classCount! : labelCount, labelCount,
      classes, targets: preprocessing && !isClassification(loss) ? preprocessing.targets.map(({ mean, deviation }) => ({ mean, deviation })) : [], sets,
    };
    const prepared: PreparedFile = { manifest, ...fitted, warnings, sources: identities, written };
    writeWhole(join(partial, 'prepared.json'), JSON.stringify(prepared));
    rmSync(progressFile, { force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  }

  #key(source: Source): string | undefined {
    return 'table' in source ? this.recipe.data.split?.by : undefined;
  }

  async #select(name: SourceName, config: SourceConfig, source: Source): Promise<Selection> {
    const { recipe } = this;
    const key = this.#key(source);
    const isLargeSource = sourceKey(config) === sourceKey(recipe.data.large);
    const facts = (): AsyncIterable<RowFacts> => factsOf(source, recipe, key);
    return selectRows({
      what: whatOf(source), rowCount: rowCountOf(source), seed: recipe.seed, take: config.take, perClass: config.perClass, isKeyed: key !== undefined && name !== 'test',
      validation: name === 'large' ? recipe.teacher.validation : name === 'small' ? recipe.student!.validation : 0,
      // Rows that are held out of the large set for the test are no other set's either.
      test: isLargeSource && name !== 'test' ? (recipe.data.split?.test ?? 0) : 0,
    }, facts);
  }

  async #fit(large: Source, selection: Selection, sources: ReadonlyMap<SourceName, Source>): Promise<Fitted> {
    const { recipe } = this;
    if ('tensors' in large) return { preprocessing: null, tensors: await fitTensors(large.tensors, selection, recipe) };
    const tables = [...sources.values()].flatMap((source) => ('table' in source ? [source.table] : []));
    const sqlTypes = (name: string): string[] => tables.map((table) => table.columns.find((column) => column.name === name)?.sqlType ?? '');
    return { preprocessing: await fitTable(large.table, selection, recipe.data.table!, { loss: recipe.loss, key: this.#key(large), weight: recipe.data.sampling?.weights, sqlTypes }), tensors: null };
  }

  async #writeSets(what: { name: SourceName; source: Source; selection: Selection; fitted: Fitted; shape: BlockShape; write: (set: string) => SetWriter }): Promise<{ sets: Partial<Record<SetName, SetManifest>>; written: Record<string, readonly string[]>; warnings: string[] }> {
    const { name, source, selection, fitted, shape, write } = what;
    const classes = fitted.preprocessing?.classes ?? fitted.tensors?.classes ?? undefined;
    const segment = name === 'large' ? segmentOf(this.recipe, source.mixed, classes) : undefined;
    const writers = new Map<string, { part: NonNullable<Part>; segment: string | undefined; writer: SetWriter; weight: number }>();
    const writerOf = (part: NonNullable<Part>, of?: string): { writer: SetWriter; weight: number } => {
      const set = setNames[name][part]!;
      const id = of === undefined ? set : `${set}/${of}`;
      if (writers.size > limits.segmentCount) throw new StillhouseError('DATA_LABEL', `data.large (${whatOf(source)}) has more than ${limits.segmentCount} classes, sources or levels of weights to draw from`, { next: 'Draw from fewer, or leave data.sampling out.' });
      if (!writers.has(id)) writers.set(id, { part, segment: of, writer: write(id), weight: 0 });
      return writers.get(id)!;
    };
    const key = this.#key(source);
    const rows = 'table' in source ? storedTable(source.table, fitted.preprocessing!, { withLabels: true, key: selection.isWhole ? undefined : key, weight: name === 'large' ? this.recipe.data.sampling?.weights : undefined }) : storedTensors(source.tensors, { name, loss: this.recipe.loss, fitted: fitted.tensors! });
    const pass = selection.pass();
    let dropped = 0;
    let told = 0;
    for await (const chunk of rows) {
      if (selection.isWhole && !segment && chunk.dropped.size + chunk.problems.size === 0) {
        writerOf('training').writer.add(chunk);
      } else {
        const parts = new Map<ReturnType<typeof writerOf>, number[]>();
        for (let i = 0; i < chunk.rowCount; i++) {
          const part = selection.isWhole ? 'training' : pass(chunk.first + i, { key: chunk.keys?.[i] ?? null });
          // A test set carved from the large one is written once, with the large set's rows.
          if (part === undefined || (part === 'test' && name !== 'large')) continue;
          if (chunk.dropped.has(i)) {
            dropped += 1;
            continue;
          }
          const problem = chunk.problems.get(i);
          if (problem) throw await problem();
          const target = writerOf(part, part === 'training' ? segment?.(chunk, i) : undefined);
          target.weight += chunk.weights?.[i] ?? 0;
          const known = parts.get(target);
          if (known) known.push(i);
          else parts.set(target, [i]);
        }
        for (const [{ writer }, indices] of parts) writer.add(chunk, indices);
      }
      if (Date.now() - told > progressMs) {
        told = Date.now();
        this.options.onProgress?.({ set: name, rows: chunk.first + chunk.rowCount, of: rowCountOf(source) });
      }
    }
    const sets: Partial<Record<SetName, SetManifest>> = {};
    const warnings = dropped > 0 ? [`data.${name} (${whatOf(source)}): ${dropped} rows with an empty cell were dropped`] : [];
    const written: Record<string, readonly string[]> = {};
    const segments: WrittenSegment[] = [];
    for (const [id, { part, segment: of, writer, weight }] of writers) {
      const set = setNames[name][part]!;
      const done = await writer.finish(this.recipe.ranks);
      written[id] = done.blocks;
      if (of === undefined) sets[set] = done;
      else segments.push({ name: of, set: done, weight });
      shape.columns.forEach((column, i) => {
        if (writer.unknown[i] > 0) warnings.push(`${set} (${whatOf(source)}): in ${writer.unknown[i]} rows the category in column ${column.name} is empty or does not occur among the training rows; it is encoded as none of them`);
      });
    }
    if (segments.length > 0) {
      const joined = joinSegments(segments, this.recipe, rowsPerBlock(shape));
      sets.large = { ...joined, rowsDigest: '', ...windowOf(shape, joined.rowCount, this.recipe.ranks) };
    }
    if (!sets[setNames[name].training!]) throw new StillhouseError('DATA_EMPTY', `data.${name} (${whatOf(source)}) has no usable rows`);
    return { sets, written, warnings };
  }

  /** Sources were read twice: what was fitted must be what was written. */
  #refuseChanged(identities: readonly FileIdentity[]): void {
    for (const { path, bytes, modifiedMs } of identities) {
      const now = statSync(path, { throwIfNoEntry: false });
      if (now?.size !== bytes || now.mtimeMs !== modifiedMs) throw new StillhouseError('DATA_CHANGED', `${path} changed while it was being prepared`, { next: 'Run again once nothing writes to the file any more.' });
    }
  }
}

const progressMs = 200;

const whatOf = (source: Source): string => ('table' in source ? source.table.what : source.tensors.what);
const rowCountOf = (source: Source): number => ('table' in source ? source.table.rowCount : source.tensors.rowCount);
/** Sources of one kind have rows that fit into the same blocks. */
const kindOf = (source: Source): string => ('table' in source ? 'table' : JSON.stringify([source.tensors.inputShape, source.tensors.dtype, source.tensors.isBytes, source.tensors.classes !== undefined]));

async function* factsOf(source: Source, recipe: Recipe, key: string | undefined): AsyncGenerator<RowFacts> {
  if ('tensors' in source) {
    for await (const { rowCount, cells: [, labels] } of source.tensors.chunks()) for (let i = 0; i < rowCount; i++) yield { label: source.tensors.classes?.[labels[i]] ?? String(labels[i]) };
    return;
  }
  const [target] = targetsOf(recipe.data.table!);
  for await (const { rowCount, cells } of source.table.chunks([{ column: target, as: 'text' }, ...(key === undefined ? [] : [{ column: key, as: 'text' } as const])])) {
    const [labels, keys] = cells as (string | null)[][];
    for (let i = 0; i < rowCount; i++) yield { label: labels[i] ?? '', key: keys?.[i] ?? null };
  }
}

async function fitTensors(set: TensorSet, selection: Selection, recipe: Recipe): Promise<FittedTensors> {
  const scale = recipe.data.tensors?.scale ?? (set.isBytes ? 'unit' : 'none');
  const channels = scale === 'standardize' ? set.inputShape.at(-1)! : 0;
  const summaries = Array.from({ length: channels }, () => new NumberSummary());
  const hasClasses = recipe.loss === 'softmaxCrossEntropy';
  let most = 0;
  if (hasClasses || channels > 0) {
    const pass = selection.pass();
    const size = sizeOf(set.inputShape);
    let first = 0;
    for await (const { rowCount, cells: [inputs, labels] } of set.chunks()) {
      for (let i = 0; i < rowCount; i++) {
        if (!selection.isWhole && pass(first + i, {}) !== 'training') continue;
        most = Math.max(most, labels[i * set.labelCount]);
        const row = inputs.subarray(i * size, (i + 1) * size);
        summaries.forEach((summary, channel) => summary.add(row.filter((_, k) => k % channels === channel), undefined));
      }
      first += rowCount;
    }
  }
  const scaling = {
    unit: { factors: [1 / 255], offsets: [0] }, symmetric: { factors: [1 / 127.5], offsets: [-1] }, none: { factors: [1], offsets: [0] },
    standardize: { factors: summaries.map(({ deviation }) => 1 / deviation), offsets: summaries.map(({ mean, deviation }) => -mean / deviation) },
  }[scale];
  return { ...scaling, classCount: hasClasses ? (set.classes?.length ?? Math.floor(most) + 1) : null, classes: set.classes ?? null };
}

async function* storedTensors(set: TensorSet, { name, loss, fitted: { classes, classCount } }: { name: SourceName; loss: LossName; fitted: FittedTensors }): AsyncGenerator<StoredRows> {
  const { what, labelCount } = set;
  const limit = classes?.length ?? classCount ?? 2;
  // Another set's folders need not be the same: its classes are found by their names.
  const places = set.classes?.map((each) => classes!.indexOf(each));
  let first = 0;
  for await (const { rowCount, cells: [inputs, given] } of set.chunks()) {
    const labels = places ? Float32Array.from(given, (label) => places[label]) : given;
    const problems = new Map<number, () => Promise<StillhouseError>>();
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i];
      const isRight = isClassification(loss) ? Number.isInteger(label) && label >= 0 && label < limit : Number.isFinite(label);
      const row = first + Math.floor(i / labelCount);
      if (isRight || problems.has(row - first)) continue;
      const shown = set.classes ? JSON.stringify(set.classes[given[i]]) : String(label);
      const wanted = set.classes ? 'a class of the large set' : isClassification(loss) ? `a class from 0 to ${limit - 1}, as ${loss} needs` : 'a finite number';
      problems.set(row - first, async () => new StillhouseError('DATA_LABEL', `data.${name} (${what}): label ${shown} of row ${row} is not ${wanted}`));
    }
    for (let i = 0; i < inputs.length; i++) {
      const row = Math.floor(i / (inputs.length / rowCount));
      if (inputs[i] - inputs[i] !== 0 && !problems.has(row)) problems.set(row, async () => new StillhouseError('DATA_CELL', `data.${name} (${what}): row ${first + row} holds a number that is not finite`));
    }
    yield { first, rowCount, cells: [inputs], labels: [labels], keys: undefined, dropped: new Set(), problems };
    first += rowCount;
  }
}

function shapeOf(loss: LossName, large: Source, { preprocessing, tensors }: Fitted): BlockShape {
  const named = preprocessing?.classes?.length ?? tensors?.classes?.length ?? (loss === 'softmaxCrossEntropy' ? tensors!.classCount! : loss === 'binaryCrossEntropy' ? 2 : undefined);
  const labelType = named === undefined ? 'F32' : indexType(named - 1);
  if ('table' in large) return { columns: preprocessing!.columns, inputShape: [inputWidth(preprocessing!.columns)], labelCount: preprocessing!.targets.length, labelType };
  const { inputShape, dtype, labelCount } = large.tensors;
  const { factors, offsets } = tensors!;
  const column: TensorColumn = { name: 'x', type: 'tensor', size: sizeOf(inputShape), factors, offsets, dtype };
  return { columns: [column], inputShape, labelCount, labelType };
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}

/** What an interrupted preparation had done; its last line may be cut off. */
function readProgress(file: string): { fitted: Fitted | undefined; blocks: Map<string, string[]> } {
  const blocks = new Map<string, string[]>();
  let fitted: Fitted | undefined;
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    try {
      const entry = JSON.parse(line) as Progress;
      fitted ??= entry.fitted;
      if (entry.block) blocks.set(entry.block.set, [...(blocks.get(entry.block.set) ?? []), entry.block.hash]);
    } catch {
      // The end of the file, or the place where a process was killed.
    }
  }
  return { fitted, blocks };
}

const lockPollMs = 200;
const lockTries = 18_000;

/** Lets one process at a time prepare the same data; a lock whose owner is gone does not count. */
async function lock(scratch: string): Promise<() => void> {
  const file = join(scratch, 'lock');
  for (let tries = 0; tries < lockTries; tries++) {
    try {
      mkdirSync(scratch, { recursive: true });
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const owner = Number(existsSync(file) ? readFileSync(file, 'utf8') : 0);
    if (owner > 0 && !isAlive(owner)) rmSync(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
  throw new StillhouseError('DATA_SPACE', `another process prepares the same data and does not end`, { next: `Wait for it, or remove ${file}.` });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
