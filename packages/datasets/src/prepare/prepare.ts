// From a recipe's data section to blocks on disk: sources are read twice, once to fit, once to write, in memory that does
// not grow with the rows. What has been prepared is kept by the hash of what it was made from, and an interrupted
// preparation goes on where it was.
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  inputWidth,
  isClassification,
  limits,
  outputsFor,
  StillhouseError,
  usesPool,
  type DatasetManifest,
  type LossName,
  type ModelShape,
  type Recipe,
  type SetManifest,
  type SetName,
  type SourceConfig,
  type TensorColumn,
} from '@stillhouse/core';
import { BlockFolder, notWritten } from '../block/block-folder.js';
import { rowsPerBlock, sha256, windowOf, type BlockShape } from '../block/blocks.js';
import { identify, type DataPlaces, type FileIdentity } from '../fetch/files.js';
import {
  lock,
  lockName,
  readJson,
  readProgress,
  writeWhole,
  type Fitted,
  type FittedRows,
  type PreparedFile,
  type Progress,
} from './prepared-folder.js';
import {
  extendTable,
  fitTable,
  indexType,
  targetsOf,
  type FitOptions,
  type Preprocessing,
} from '../table/preprocessing.js';
import { joinSegments, segmentOf, type WrittenSegment } from './segments.js';
import { selectRows, type Part, type RowFacts, type Selection } from './select-rows.js';
import { SetWriter } from './set-writer.js';
import { filesOf, isRepeatable } from '../source/source-files.js';
import { openSource, TableReader, type Source } from '../source/sources.js';
import { storedTable, type StoredRows } from './stored-rows.js';
import { extendTensors, fitTensors, storedTensors } from '../tensor/tensor-rows.js';
import { sizeOf } from '../tensor/tensor-set.js';
import { addedTo, classesOf, unlikeColumns } from './unlike-sets.js';

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

type SourceName = 'large' | 'small' | 'pool' | 'test';
const sourceNames: readonly SourceName[] = ['large', 'small', 'pool', 'test'];
const setNames: Readonly<Record<SourceName, Readonly<Partial<Record<NonNullable<Part>, SetName>>>>> = {
  large: { training: 'large', validation: 'largeValidation', test: 'test' },
  small: { training: 'small', validation: 'smallValidation' },
  pool: { training: 'pool' },
  test: { training: 'test' },
};

/** Raised whenever what is prepared from the same sources changes. */
const format = 2;

const hashJson = (value: unknown): string => sha256(new TextEncoder().encode(JSON.stringify(value))).slice(0, 32);

/** What of a recipe decides about its data. */
const dataOf = (recipe: Recipe): unknown => ({
  format,
  data: recipe.data,
  loss: recipe.loss,
  seed: recipe.seed,
  ranks: recipe.ranks,
  validation: recipe.teacher.validation,
  student: recipe.student?.validation ?? null,
  ...(usesPool(recipe) ? { pool: true } : {}),
});

const isUsed = (name: SourceName, recipe: Recipe): boolean =>
  name === 'small' ? recipe.student !== undefined : name !== 'pool' || usesPool(recipe);
const usedSources = (recipe: Recipe): [SourceName, SourceConfig][] =>
  sourceNames.flatMap((name): [SourceName, SourceConfig][] =>
    recipe.data[name] && isUsed(name, recipe) ? [[name, recipe.data[name]]] : [],
  );

const sourceKey = (config: SourceConfig): string =>
  JSON.stringify({ ...config, take: undefined, perClass: undefined, classes: undefined });

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
    for (const name of ['queries.duckdb', 'queries.duckdb.wal', 'spill', 'spool'])
      rmSync(join(scratch, name), { recursive: true, force: true });
  };
  // What a process that was killed has left.
  tidy();
  const reader = new TableReader(places, scratch);
  try {
    return await new Preparation(recipe, places, options, { config, scratch, reader }).run();
  } catch (cause) {
    const error = (cause as NodeJS.ErrnoException).syscall === undefined ? cause : notWritten(options.folder, cause);
    // With more room it could go on; what else fails would fail again.
    if (!(error instanceof StillhouseError) || error.code !== 'DATA_SPACE')
      for (const name of readdirSync(scratch))
        if (name !== lockName) rmSync(join(scratch, name), { recursive: true, force: true });
    throw error;
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
    const { recipe, options } = this;
    const identities = await this.#identify([
      ...new Set(usedSources(recipe).flatMap(([, config]) => filesOf(config, this.places))),
    ]);
    const key = hashJson([dataOf(recipe), identities.map(({ sha256: hash }) => hash)]);
    const folder = join(options.folder, key);
    const file = join(folder, 'prepared.json');
    if (options.again) rmSync(folder, { recursive: true, force: true });
    const before = readJson<PreparedFile>(file);
    const blocks = new BlockFolder(join(folder, 'blocks'));
    const missing =
      before &&
      Object.values(before.manifest.sets)
        .flatMap((set) => set.blocks)
        .some((hash) => !blocks.has(hash));
    // Blocks that have been removed, since they were spoilt, are written anew.
    if (missing) this.#reopen(folder, key, before);
    // What was interrupted may not go on where sources may give their rows in another order by now.
    else if (!usedSources(recipe).every(([, config]) => isRepeatable(config)))
      rmSync(join(this.own.scratch, key), { recursive: true, force: true });
    const isKept = before !== undefined && !missing;
    if (!isKept) await this.#write(folder, key, await this.#open(), identities);
    if (options.pin) writeFileSync(this.#pinFile, JSON.stringify(identities));
    const { manifest, preprocessing, warnings } = readJson<PreparedFile>(file)!;
    return { manifest, preprocessing: preprocessing ?? undefined, warnings, blocks, isKept };
  }

  /** One source may serve several sets: it is opened once. */
  async #open(): Promise<ReadonlyMap<SourceName, Source>> {
    const { recipe, own } = this;
    const opened = new Map<string, Source>();
    const sources = new Map<SourceName, Source>();
    for (const [name, config] of usedSources(recipe)) {
      const withLabels = name !== 'pool';
      const key = `${sourceKey(config)} ${withLabels}`;
      if (!opened.has(key))
        opened.set(key, await openSource(config, recipe, { places: this.places, reader: own.reader, withLabels }));
      sources.set(name, opened.get(key)!);
    }
    return sources;
  }

  /** Makes an interrupted preparation of one that was done. */
  #reopen(folder: string, key: string, { preprocessing, tensors, student, written }: PreparedFile): void {
    const partial = join(this.own.scratch, key);
    rmSync(partial, { recursive: true, force: true });
    renameSync(folder, partial);
    const entries: Progress[] = [
      { fitted: { preprocessing, tensors, student } },
      ...Object.entries(written).flatMap(([set, blocks]) => blocks.map((hash) => ({ block: { set, hash } }))),
    ];
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
    const changed =
      pinned.find(({ path, sha256: hash }) => !identities.some((each) => each.path === path && each.sha256 === hash)) ??
      identities.find(({ path }) => !pinned.some((each) => each.path === path));
    if (changed)
      throw new StillhouseError(
        'DATA_CHANGED',
        `${changed.path} is not what it was when \`stillhouse data prepare\` read it`,
      );
    return identities;
  }

  async #write(
    folder: string,
    key: string,
    sources: ReadonlyMap<SourceName, Source>,
    identities: readonly FileIdentity[],
  ): Promise<void> {
    const { recipe, own } = this;
    const partial = join(own.scratch, key);
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
      if (kindOf(source, name !== 'pool') !== kindOf(large, name !== 'pool'))
        throw new StillhouseError(
          'DATA_FORMAT',
          `data.${name} (${whatOf(source)}) has rows of another kind than data.large (${whatOf(large)})`,
        );
    }
    let fitted = before.fitted;
    if (!fitted) {
      fitted = await this.#fit(sources, selections);
      say({ fitted });
    }
    const sets: Partial<Record<SetName, SetManifest>> = {};
    const written: Record<string, readonly string[]> = {};
    const warnings = [
      ...(recipe.data.small && !recipe.student ? ['data.small is not used: the recipe has no student'] : []),
      ...(recipe.data.pool && !usesPool(recipe)
        ? ['data.pool is not used: no distill.transfer takes rows from it']
        : []),
      ...addedTo(fitted),
    ];
    for (const [name] of usedSources(recipe)) {
      const rows: FittedRows = name === 'large' ? fitted : (fitted.student ?? fitted);
      const shape = shapeOf(recipe.loss, large, rows);
      const source = sources.get(name)!;
      if (name !== 'large' && 'table' in source && 'table' in large)
        warnings.push(
          ...unlikeColumns(name, { table: source.table, large: large.table }, rows.preprocessing!, recipe.data),
        );
      const write = (set: string) =>
        new SetWriter(
          shape,
          { known: before.blocks.get(set) ?? [], has: (hash) => blocks.has(hash) },
          (hash, bytes, isKnown) => {
            blocks.write(hash, bytes);
            if (!isKnown) say({ block: { set, hash } });
          },
        );
      const done = await this.#writeSets({
        name,
        source,
        selection: selections.get(name)!,
        fitted: rows,
        shape,
        write,
      });
      Object.assign(sets, done.sets);
      Object.assign(written, done.written);
      warnings.push(...done.warnings);
    }
    this.#refuseChanged(identities);
    const { preprocessing, student } = fitted;
    const manifest: DatasetManifest = {
      ...modelShapeOf(recipe.loss, large, fitted),
      ...(student ? { student: modelShapeOf(recipe.loss, large, student) } : {}),
      labelCount: shapeOf(recipe.loss, large, fitted).labelCount,
      targets:
        preprocessing && !isClassification(recipe.loss)
          ? preprocessing.targets.map(({ mean, deviation }) => ({ mean, deviation }))
          : [],
      sets,
    };
    const prepared: PreparedFile = { manifest, ...fitted, warnings, sources: identities, written };
    writeWhole(join(partial, 'prepared.json'), JSON.stringify(prepared));
    rmSync(progressFile, { force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  }

  /** The column by which rows of a source are held out; those of a pool only where they may be the large set's. */
  #key(name: SourceName, source: Source): string | undefined {
    return 'table' in source && (name !== 'pool' || this.#isLarge(this.recipe.data.pool!))
      ? this.recipe.data.split?.by
      : undefined;
  }

  #isLarge(config: SourceConfig): boolean {
    return sourceKey(config) === sourceKey(this.recipe.data.large);
  }

  async #select(name: SourceName, config: SourceConfig, source: Source): Promise<Selection> {
    const { recipe } = this;
    const key = this.#key(name, source);
    const facts = (): AsyncIterable<RowFacts> => factsOf(source, recipe, key);
    return selectRows(
      {
        what: whatOf(source),
        rowCount: rowCountOf(source),
        seed: recipe.seed,
        take: config.take,
        perClass: config.perClass,
        classes: config.classes?.map(String),
        isKeyed: key !== undefined && name !== 'test',
        validation: name === 'large' ? recipe.teacher.validation : name === 'small' ? recipe.student!.validation : 0,
        // Rows that are held out of the large set for the test are no other set's either.
        test: this.#isLarge(config) && name !== 'test' ? (recipe.data.split?.test ?? 0) : 0,
      },
      facts,
    );
  }

  async #fit(
    sources: ReadonlyMap<SourceName, Source>,
    selections: ReadonlyMap<SourceName, Selection>,
  ): Promise<Fitted> {
    const { loss, data } = this.recipe;
    const large = sources.get('large')!;
    const selection = selections.get('large')!;
    // Rows of the same source have nothing to add, unless some classes of it were left out.
    const small =
      data.small && (data.large.classes || sourceKey(data.small) !== sourceKey(data.large))
        ? sources.get('small')
        : undefined;
    if ('tensors' in large) {
      const tensors = await fitTensors(large.tensors, selection, this.recipe);
      const added =
        small && 'tensors' in small && loss === 'softmaxCrossEntropy'
          ? await extendTensors(tensors, small.tensors, selections.get('small')!)
          : undefined;
      return { preprocessing: null, tensors, student: added ? { preprocessing: null, tensors: added } : null };
    }
    const tables = [...sources.values()].flatMap((source) => ('table' in source ? [source.table] : []));
    const config = data.table!;
    // A column must be the teacher's, or the student's.
    for (const name of Object.keys(config.columns))
      if (!(small && 'table' in small && small.table.has(name))) large.table.column(name);
    const how: FitOptions = {
      loss,
      key: this.#key('large', large),
      weight: data.sampling?.weights,
      sqlTypes: (name) => tables.map((table) => table.columns.find((column) => column.name === name)?.sqlType ?? ''),
    };
    const preprocessing = await fitTable(large.table, selection, config, how);
    const added =
      small && 'table' in small
        ? await extendTable(
            { base: preprocessing, small: small.table, large: large.table },
            selections.get('small')!,
            config,
            how,
          )
        : undefined;
    if (added && added.columns.length > preprocessing.columns.length && data.split?.test) {
      throw new StillhouseError(
        'DATA_COLUMN',
        `data.split.test holds rows out of the large set, which has no column ${added.columns[preprocessing.columns.length].name} for the student`,
        { next: 'Give data.test with rows that have the column, or do not declare it in data.table.columns.' },
      );
    }
    return { preprocessing, tensors: null, student: added ? { preprocessing: added, tensors: null } : null };
  }

  /** Rows of a source as blocks hold them. */
  #rows({
    name,
    source,
    selection,
    fitted,
    shape,
  }: {
    name: SourceName;
    source: Source;
    selection: Selection;
    fitted: FittedRows;
    shape: BlockShape;
  }): AsyncGenerator<StoredRows> {
    const withLabels = name !== 'pool';
    if ('tensors' in source)
      return storedTensors(source.tensors, {
        name,
        loss: this.recipe.loss,
        fitted: fitted.tensors!,
        withLabels,
        labelCount: shape.labelCount,
      });
    const key = selection.isWhole ? undefined : this.#key(name, source);
    return storedTable(source.table, fitted.preprocessing!, {
      withLabels,
      mayLack: name !== 'large',
      key,
      weight: name === 'large' ? this.recipe.data.sampling?.weights : undefined,
    });
  }

  async #writeSets(what: {
    name: SourceName;
    source: Source;
    selection: Selection;
    fitted: FittedRows;
    shape: BlockShape;
    write: (set: string) => SetWriter;
  }): Promise<{
    sets: Partial<Record<SetName, SetManifest>>;
    written: Record<string, readonly string[]>;
    warnings: string[];
  }> {
    const { name, source, selection, fitted, shape, write } = what;
    const classes = fitted.preprocessing?.classes ?? fitted.tensors?.classes ?? undefined;
    const segment = name === 'large' ? segmentOf(this.recipe, source.mixed, classes) : undefined;
    const writers = new Map<
      string,
      { part: NonNullable<Part>; segment: string | undefined; writer: SetWriter; weight: number }
    >();
    const writerOf = (part: NonNullable<Part>, of?: string): { writer: SetWriter; weight: number } => {
      const set = setNames[name][part]!;
      const id = of === undefined ? set : `${set}/${of}`;
      if (writers.size > limits.segmentCount)
        throw new StillhouseError(
          'DATA_LABEL',
          `data.large (${whatOf(source)}) has more than ${limits.segmentCount} classes, sources or levels of weights to draw from`,
          { next: 'Draw from fewer, or leave data.sampling out.' },
        );
      if (!writers.has(id)) writers.set(id, { part, segment: of, writer: write(id), weight: 0 });
      return writers.get(id)!;
    };
    const rows = this.#rows(what);
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
    const warnings =
      dropped > 0 ? [`data.${name} (${whatOf(source)}): ${dropped} rows with an empty cell were dropped`] : [];
    const written: Record<string, readonly string[]> = {};
    const segments: WrittenSegment[] = [];
    for (const [id, { part, segment: of, writer, weight }] of writers) {
      const set = setNames[name][part]!;
      const done = await writer.finish(this.recipe.ranks);
      written[id] = done.blocks;
      if (of === undefined) sets[set] = done;
      else segments.push({ name: of, set: done, weight });
      shape.columns.forEach((column, i) => {
        // Of a column that is not there it has been said.
        if (writer.unknown[i] > 0 && !('table' in source && !source.table.has(column.name)))
          warnings.push(
            `${set} (${whatOf(source)}): in ${writer.unknown[i]} rows the category in column ${column.name} is empty or does not occur among the training rows; it is encoded as none of them`,
          );
      });
    }
    if (segments.length > 0) {
      const joined = joinSegments(segments, this.recipe, rowsPerBlock(shape));
      sets.large = { ...joined, rowsDigest: '', ...windowOf(shape, joined.rowCount, this.recipe.ranks) };
    }
    if (!sets[setNames[name].training!])
      throw new StillhouseError('DATA_EMPTY', `data.${name} (${whatOf(source)}) has no usable rows`);
    for (const part of ['validation', 'test'] as const) {
      const set = setNames[name][part];
      const share = selection.shares[part];
      if (set && share > 0 && !sets[set])
        throw new StillhouseError(
          'DATA_EMPTY',
          `data.${name} (${whatOf(source)}): a ${part} share of ${share} holds no row out of ${rowCountOf(source)}`,
          { next: 'Hold out a larger share, or use more rows.' },
        );
    }
    return { sets, written, warnings };
  }

  /** Sources were read twice: what was fitted must be what was written. */
  #refuseChanged(identities: readonly FileIdentity[]): void {
    for (const { path, bytes, modifiedMs } of identities) {
      const now = statSync(path, { throwIfNoEntry: false });
      if (now?.size !== bytes || now.mtimeMs !== modifiedMs)
        throw new StillhouseError('DATA_CHANGED', `${path} changed while it was being prepared`, {
          next: 'Run again once nothing writes to the file any more.',
        });
    }
  }
}

const progressMs = 200;

const whatOf = (source: Source): string => ('table' in source ? source.table.what : source.tensors.what);
const rowCountOf = (source: Source): number => ('table' in source ? source.table.rowCount : source.tensors.rowCount);
/** Sources of one kind have rows that fit into the same blocks. */
const kindOf = (source: Source, withLabels: boolean): string =>
  'table' in source
    ? 'table'
    : JSON.stringify([
        source.tensors.inputShape,
        source.tensors.dtype,
        source.tensors.isBytes,
        withLabels && source.tensors.classes !== undefined,
      ]);

async function* factsOf(source: Source, recipe: Recipe, key: string | undefined): AsyncGenerator<RowFacts> {
  if ('tensors' in source) {
    for await (const {
      rowCount,
      cells: [, labels],
    } of source.tensors.chunks())
      for (let i = 0; i < rowCount; i++) yield { label: source.tensors.classes?.[labels[i]] ?? String(labels[i]) };
    return;
  }
  const [target] = targetsOf(recipe.data.table!);
  for await (const { rowCount, cells } of source.table.chunks([
    { column: target, as: 'text' },
    ...(key === undefined ? [] : [{ column: key, as: 'text' } as const]),
  ])) {
    const [labels, keys] = cells as (string | null)[][];
    for (let i = 0; i < rowCount; i++) yield { label: labels[i] ?? '', key: keys?.[i] ?? null };
  }
}

function modelShapeOf(loss: LossName, large: Source, rows: FittedRows): ModelShape {
  const { inputShape, columns, labelCount } = shapeOf(loss, large, rows);
  return {
    inputShape,
    columns,
    outputs: loss === 'softmaxCrossEntropy' ? classesOf(rows).length : outputsFor(loss, labelCount),
    classes: rows.preprocessing?.classes ?? rows.tensors?.classes ?? null,
  };
}

function shapeOf(loss: LossName, large: Source, { preprocessing, tensors }: FittedRows): BlockShape {
  const named =
    preprocessing?.classes?.length ??
    tensors?.classes?.length ??
    (loss === 'softmaxCrossEntropy' ? tensors!.classCount! : loss === 'binaryCrossEntropy' ? 2 : undefined);
  const labelType = named === undefined ? 'F32' : indexType(named - 1);
  if ('table' in large)
    return {
      columns: preprocessing!.columns,
      inputShape: [inputWidth(preprocessing!.columns)],
      labelCount: preprocessing!.targets.length,
      labelType,
    };
  const { inputShape, dtype, labelCount } = large.tensors;
  const { factors, offsets } = tensors!;
  const column: TensorColumn = { name: 'x', type: 'tensor', size: sizeOf(inputShape), factors, offsets, dtype };
  return { columns: [column], inputShape, labelCount, labelType };
}
