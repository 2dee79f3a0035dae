// A source that has been opened for a set, with the selection of its rows.
import { StillhouseError, type Recipe, type SourceConfig } from '@stillhouse/core';
import { selectRows, type RowFacts, type Selection } from '../row/selection.js';
import { contentOf, type Source } from '../source/source.js';
import { targetsOf } from '../table/table-targets.js';
import { isLarge, type SourceName } from './used-sources.js';

export interface OpenedSet {
  readonly name: SourceName;
  readonly source: Source;
  readonly selection: Selection;
  /** The column by which rows are held out. */
  readonly key: string | undefined;
}

export type OpenedSets = ReadonlyMap<SourceName, OpenedSet>;

export const withLabels = (name: SourceName): boolean => name !== 'pool';

/**
 * Selects the rows of a set.
 * @param heldOutSeed decides which rows are in the large set, and which of them are held out
 * @throws StillhouseError DATA_EMPTY, DATA_LABEL
 */
export async function openSet(
  { name, config, source }: { name: SourceName; config: SourceConfig; source: Source },
  recipe: Recipe,
  heldOutSeed: number,
): Promise<OpenedSet> {
  const key = keyOf(name, source, recipe);
  const { what, rowCount } = contentOf(source);
  const selection = await selectRows(
    {
      what,
      rowCount,
      seed: name === 'large' ? heldOutSeed : recipe.seed,
      heldOutSeed,
      take: config.take,
      perClass: config.perClass,
      classes: config.classes?.map(String),
      isKeyed: key !== undefined && name !== 'test',
      validation: name === 'large' ? recipe.teacher.validation : name === 'small' ? recipe.student!.validation : 0,
      // Rows that are held out of the large set for the test are not in any other set either.
      test: isLarge(config, recipe) && name !== 'test' ? (recipe.data.split?.test ?? 0) : 0,
    },
    () => factsOf(source, recipe, key),
  );
  return { name, source, selection, key };
}

/** Rows of a pool are held out by a key only if they may be rows of the large set. */
function keyOf(name: SourceName, { type }: Source, recipe: Recipe): string | undefined {
  return type === 'table' && (name !== 'pool' || isLarge(recipe.data.pool!, recipe))
    ? recipe.data.split?.by
    : undefined;
}

async function* factsOf(source: Source, recipe: Recipe, key: string | undefined): AsyncGenerator<RowFacts> {
  if (source.type === 'tensors') {
    const { classes, labelCount } = source.tensors;
    for await (const {
      rowCount,
      cells: [, labels],
    } of source.tensors.chunks())
      for (let i = 0; i < rowCount; i++) {
        const label = labels[i * labelCount];
        yield { label: classes?.[label] ?? String(label) };
      }
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

/** Sources of one kind have rows that fit into the same blocks. */
const kindOf = (source: Source, hasLabels: boolean): string =>
  source.type === 'table'
    ? 'table'
    : JSON.stringify([
        source.tensors.inputShape,
        source.tensors.dtype,
        source.tensors.isBytes,
        hasLabels && source.tensors.classes !== undefined,
      ]);

/** @throws StillhouseError DATA_FORMAT */
export function refuseUnlike({ name, source }: OpenedSet, large: OpenedSet): void {
  if (source.type === 'tensors' && large.source.type === 'tensors' && withLabels(name)) {
    const [here, there] = [source.tensors.labelCount, large.source.tensors.labelCount];
    if (here !== there)
      throw new StillhouseError(
        'DATA_FORMAT',
        `data.${name} (${source.tensors.what}) has ${here} numbers per label, but data.large ` +
          `(${large.source.tensors.what}) has ${there}`,
      );
  }
  if (kindOf(source, withLabels(name)) === kindOf(large.source, withLabels(name))) return;
  throw new StillhouseError(
    'DATA_FORMAT',
    `data.${name} (${contentOf(source).what}) has rows of another type than data.large ` +
      `(${contentOf(large.source).what})`,
  );
}
