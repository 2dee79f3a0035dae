// The second reading of a source: each row goes to its set, or to its segment of a set, and from there into blocks.
import {
  formatCount,
  limits,
  setTitles,
  StillhouseError,
  type Recipe,
  type SetManifest,
  type SetName,
} from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { rowsPerBlock, windowOf, type BlockShape } from '../block/blocks.js';
import type { Part } from '../row/selection.js';
import type { StoredRows } from '../row/stored-rows.js';
import { contentOf } from '../source/source.js';
import { storedTable } from '../table/table-rows.js';
import { storedTensors } from '../tensor/tensor-rows.js';
import { LabelCensus } from './label-census.js';
import { withLabels, type OpenedSet } from './opened-set.js';
import type { FittedRows } from './prepared-folder.js';
import { joinSegments, segmentOf, type SegmentOf, type WrittenSegment } from './segments.js';
import type { SetWriter } from './set-writer.js';
import { setNames } from './used-sources.js';

export interface WrittenSets {
  readonly sets: Partial<Record<SetName, SetManifest>>;
  /** Blocks in the order in which they were written, by set, or by segment of a set. */
  readonly written: Readonly<Record<string, readonly string[]>>;
  readonly warnings: readonly string[];
}

interface WriteOptions {
  readonly recipe: Recipe;
  readonly fitted: FittedRows;
  readonly shape: BlockShape;
  /** Creates the writer of a set or of one of its segments. */
  readonly writerFor: (set: string) => SetWriter;
  readonly onProgress: (rows: number) => void;
}

interface Target {
  readonly part: NonNullable<Part>;
  readonly segment: string | undefined;
  readonly writer: SetWriter;
  /** Sum of the weights of its rows. */
  weight: number;
}

/**
 * Writes the sets of a source.
 * @throws StillhouseError DATA_…
 */
export async function writeSets(opened: OpenedSet, options: WriteOptions): Promise<WrittenSets> {
  const { name, selection, source } = opened;
  const { fitted, onProgress, recipe } = options;
  const classes = fitted.preprocessing?.classes ?? fitted.tensors?.classes ?? undefined;
  const segment = name === 'large' ? segmentOf(recipe, source.mixed, classes) : undefined;
  const targets = new Targets(opened, options.writerFor);
  const census = name === 'large' ? new LabelCensus(lossOf(recipe.loss)) : undefined;
  const pass = selection.pass();
  let dropped = 0;
  for await (const chunk of storedRows(opened, options)) {
    if (selection.isWhole && !segment && chunk.dropped.size + chunk.problems.size === 0) {
      targets.at('training').writer.add(chunk);
      census?.add(chunk);
    } else
      dropped += await distribute(chunk, targets, {
        segment,
        census,
        partOf: (i) => (selection.isWhole ? 'training' : pass(chunk.first + i, { key: chunk.keys?.[i] ?? null })),
      });
    onProgress(chunk.first + chunk.rowCount);
  }
  const { what } = contentOf(source);
  const result = await finish(targets, opened, options);
  const warnings = dropped > 0 ? [`data.${name} (${what}): ${dropped} rows with an empty cell were dropped`] : [];
  const { preprocessing, tensors } = fitted;
  const notes = census?.notes(`data.large (${what})`, {
    classCount: tensors && !tensors.classes ? tensors.classCount : null,
    targets: preprocessing?.targets.map((target) => target.name) ?? [],
  });
  return { ...result, warnings: [...warnings, ...(notes ?? []), ...result.warnings] };
}

/** The writers of a source's sets, created when the first of their rows arrives. */
class Targets {
  readonly #targets = new Map<string, Target>();

  constructor(
    private readonly opened: OpenedSet,
    private readonly writerFor: (set: string) => SetWriter,
  ) {}

  at(part: NonNullable<Part>, segment?: string): Target {
    const { name, source } = this.opened;
    const set = setNames[name][part]!;
    const id = segment === undefined ? set : `${set}/${segment}`;
    const known = this.#targets.get(id);
    if (known) return known;
    if (this.#targets.size > limits.segmentCount)
      throw new StillhouseError(
        'DATA_LABEL',
        `data.large (${contentOf(source).what}) has more than ${limits.segmentCount} classes, sources or ` +
          'levels of weights to sample from',
        { next: 'Sample from fewer, or leave out data.sampling.' },
      );
    const target = { part, segment, writer: this.writerFor(id), weight: 0 };
    this.#targets.set(id, target);
    return target;
  }

  /** A test set that is held out of the large set is written once, together with the large set's rows. */
  isWritten(part: Part): part is NonNullable<Part> {
    return part !== undefined && (part !== 'test' || this.opened.name === 'large');
  }

  entries(): IterableIterator<[string, Target]> {
    return this.#targets.entries();
  }
}

/** @returns how many rows were dropped */
async function distribute(
  chunk: StoredRows,
  targets: Targets,
  {
    segment,
    census,
    partOf,
  }: { segment: SegmentOf | undefined; census: LabelCensus | undefined; partOf: (i: number) => Part },
): Promise<number> {
  const rowsOf = new Map<Target, number[]>();
  let dropped = 0;
  for (let i = 0; i < chunk.rowCount; i++) {
    const part = partOf(i);
    if (!targets.isWritten(part)) continue;
    if (chunk.dropped.has(i)) {
      dropped += 1;
      continue;
    }
    const problem = chunk.problems.get(i);
    if (problem) throw await problem();
    const target = targets.at(part, part === 'training' ? segment?.(chunk, i) : undefined);
    target.weight += chunk.weights?.[i] ?? 0;
    const rows = rowsOf.get(target);
    if (rows) rows.push(i);
    else rowsOf.set(target, [i]);
  }
  for (const [{ part, writer }, rows] of rowsOf) {
    writer.add(chunk, rows);
    if (part === 'training') census?.add(chunk, rows);
  }
  return dropped;
}

/** Rows of a source as they are stored in blocks. */
function storedRows(
  { name, source, selection, key }: OpenedSet,
  {
    recipe: { data, loss },
    fitted,
    shape,
  }: { recipe: Pick<Recipe, 'data' | 'loss'> } & Pick<WriteOptions, 'fitted' | 'shape'>,
): AsyncGenerator<StoredRows> {
  if (source.type === 'tensors')
    return storedTensors(source.tensors, {
      name,
      loss: lossOf(loss),
      fitted: fitted.tensors!,
      withLabels: withLabels(name),
      labelCount: shape.labelCount,
    });
  return storedTable(source.table, fitted.preprocessing!, {
    loss: lossOf(loss),
    withLabels: withLabels(name),
    mayLack: name !== 'large',
    key: selection.isWhole ? undefined : key,
    weight: name === 'large' ? data.sampling?.weights : undefined,
  });
}

async function finish(targets: Targets, opened: OpenedSet, { recipe, shape }: WriteOptions): Promise<WrittenSets> {
  const { name } = opened;
  const sets: Partial<Record<SetName, SetManifest>> = {};
  const written: Record<string, readonly string[]> = {};
  const segments: WrittenSegment[] = [];
  const warnings: string[] = [];
  for (const [id, { part, segment, writer, weight }] of targets.entries()) {
    const set = setNames[name][part]!;
    const done = await writer.finish(recipe.ranks);
    written[id] = done.blocks;
    if (segment === undefined) sets[set] = done;
    else segments.push({ name: segment, set: done, weight });
    warnings.push(...unknownCategories(set, writer, done.rowCount, { source: opened.source, shape }));
  }
  if (segments.length > 0) {
    const joined = joinSegments(segments, recipe, rowsPerBlock(shape));
    sets.large = { ...joined, rowsDigest: '', ...windowOf(shape, joined.rowCount, recipe.ranks) };
  }
  refuseEmpty(sets, opened);
  return { sets, written, warnings };
}

function unknownCategories(
  set: SetName,
  writer: SetWriter,
  rowCount: number,
  { source, shape: { columns } }: { source: OpenedSet['source']; shape: BlockShape },
): string[] {
  return columns.flatMap(({ name }, i) =>
    writer.unknown[i] === 0
      ? []
      : [
          `${setTitles[set]} (${contentOf(source).what}): column ${name} of ${formatCount(writer.unknown[i])} of ` +
            `${formatCount(rowCount)} rows has a category that the training rows did not have; it is encoded as no ` +
            'category',
        ],
  );
}

/** @throws StillhouseError DATA_EMPTY */
function refuseEmpty(sets: WrittenSets['sets'], { name, source, selection }: OpenedSet): void {
  const { what, rowCount } = contentOf(source);
  if (!sets[setNames[name].training!])
    throw new StillhouseError('DATA_EMPTY', `data.${name} (${what}) has no usable rows`);
  for (const part of ['validation', 'test'] as const) {
    const set = setNames[name][part];
    const share = selection.shares[part];
    if (set && share > 0 && !sets[set])
      throw new StillhouseError(
        'DATA_EMPTY',
        `data.${name} (${what}): a ${part} share of ${share} of ${rowCount} rows is no row`,
        { next: 'Hold out a larger share, or use more rows.' },
      );
  }
}
