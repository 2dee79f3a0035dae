// What is in a file or folder: columns with their types, missing cells, ranges and most frequent values, or the shape
// of tensors and their classes, and a recipe to start from.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasTable, parseRecipe, StillhouseError, type RecipeInput, type SourceInput } from '@stillhouse/core';
import { locate, type DataPlaces } from '../file/places.js';
import { NumberSummary } from '../row/number-summary.js';
import { TableReader } from '../table/duckdb.js';
import { openContext, openSource, sourceByName, sourceContext } from './sources.js';
import { timeNotationOf } from '../table/column-reading.js';
import { looksNumeric, timeNotation } from '../table/notation.js';
import type { Table } from '../table/table.js';
import { sizeOf, type TensorSet } from '../tensor/tensor-set.js';

export interface InspectedColumn {
  readonly name: string;
  /** number, date, time, category, or why it can be none of them. */
  readonly type: string;
  readonly missing: number;
  /** Approximate. */
  readonly distinct: number;
  readonly min: string | null;
  readonly max: string | null;
  /** The most frequent values of a category. */
  readonly frequent: readonly { readonly text: string; readonly count: number }[];
}

export interface Inspection {
  readonly what: string;
  readonly rows: number;
  /** Columns of a table. */
  readonly columns: readonly InspectedColumn[];
  /** Inputs of tensors. */
  readonly inputs:
    | { readonly shape: readonly number[]; readonly dtype: string; readonly min: number; readonly max: number }
    | undefined;
  /** Rows per label, if there are few labels. */
  readonly labels: readonly { readonly text: string; readonly count: number }[];
  /** Sentences about what is not read. */
  readonly warnings: readonly string[];
  /** A recipe to start from. */
  readonly recipe: RecipeInput;
}

/**
 * The source that a path is, by its name.
 * @throws StillhouseError DATA_FORMAT, DATA_NOT_FOUND
 */
export function sourceOf(path: string, places: DataPlaces): SourceInput {
  const source = sourceByName(path, { find: (wanted) => locate(wanted, places) });
  if (source) return source;
  throw new StillhouseError('DATA_FORMAT', `${path}: its name does not show its format`, {
    next:
      'Known endings: .csv, .parquet, .jsonl (each also .gz except Parquet), .npy, .npz, .tfrecord, -idx3-ubyte, ' +
      '.mjs; or a folder of images, with one folder per class.',
  });
}

/** @throws StillhouseError DATA_… */
export async function inspectSource(
  source: SourceInput,
  places: DataPlaces,
  options: { target?: string | undefined } = {},
): Promise<Inspection> {
  const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-inspect-'));
  const recipe = parseRecipe({
    loss: 'mse',
    data: {
      large: source,
      split: { test: 0.2 },
      ...(hasTable(source) ? { table: { target: options.target ?? '?' } } : {}),
    },
    teacher: { model: { layers: [{ dense: 1 }] } },
  });
  const tables = new TableReader(places.recipeFolder, scratch, places.dataFolders);
  try {
    // Folders of images have names, which may be classes.
    const context = { ...openContext(sourceContext(places, tables), recipe, true), hasClasses: true };
    const opened = await openSource(recipe.data.large, context);
    const found =
      opened.type === 'table'
        ? await inspectTable(opened.table, source, options.target)
        : await inspectTensors(opened.tensors, source);
    return { ...found, warnings: opened.warnings ?? [] };
  } finally {
    tables.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

type Found = Omit<Inspection, 'warnings'>;

const frequentShown = 5;
/** Integers with at most this many values are taken to be classes. */
const fewClasses = 20;
const timeTypes = { timestamp: 'date', time: 'time' } as const;
const numberTypes: readonly string[] = ['number', 'date', 'time'];
const targetNames = /^(y|target|label|class|price|outcome)$/i;

async function inspectTable(table: Table, source: SourceInput, wanted: string | undefined): Promise<Found> {
  const columns: InspectedColumn[] = [];
  const texts = table.columns.flatMap(({ name, type }) => (type === 'text' ? name : []));
  const numeric = await table.sample(texts, (cells) => looksNumeric(cells, undefined));
  const times = await table.sample(texts, timeNotation);
  const summaries = await table.summaries((name) => numeric.get(name) === true);
  for (const { name, type: stored, sqlType } of table.columns) {
    const time = times.get(name) ?? timeNotationOf(sqlType);
    const isNumber = stored === 'number' || numeric.get(name) === true;
    const other = stored === 'other' ? `${sqlType}, which cannot be an input` : undefined;
    const type = time ? timeTypes[time] : (other ?? (isNumber ? 'number' : 'category'));
    columns.push({
      name,
      type,
      ...summaries.get(name)!,
      frequent: type === 'category' ? await table.frequent(name, frequentShown) : [],
    });
  }
  if (wanted !== undefined) table.column(wanted);
  const target =
    columns.find(({ name }) => name === wanted) ??
    columns.find(({ name }) => targetNames.test(name)) ??
    columns.at(-1)!;
  const isWhole = /^-?\d+$/.test(target.min ?? '') && /^-?\d+$/.test(target.max ?? '');
  const hasClasses = target.type === 'category' || (isWhole && target.distinct <= fewClasses);
  const others = columns.filter(({ name }) => name !== target.name);
  const declared: Record<string, 'ignore' | { category: 'hash' }> = {};
  for (const { name, type, distinct } of others) {
    if (type !== 'category' && !numberTypes.includes(type)) declared[name] = 'ignore';
    // A category with a value of its own for nearly every row only identifies the row.
    else if (type === 'category' && distinct > 1000)
      declared[name] = distinct > table.rowCount / 2 ? 'ignore' : { category: 'hash' };
  }
  const hasMissing = others.some(({ type, missing }) => numberTypes.includes(type) && missing > 0);
  const labels = hasClasses ? await table.frequent(target.name, fewClasses) : [];
  return {
    what: table.what,
    rows: table.rowCount,
    columns,
    inputs: undefined,
    labels,
    recipe: suggestion(source, {
      hasClasses,
      outputs: Math.max(2, target.distinct),
      table: {
        target: target.name,
        ...(Object.keys(declared).length ? { columns: declared } : {}),
        ...(hasMissing ? { missing: 'mean' as const } : {}),
      },
    }),
  };
}

async function inspectTensors(set: TensorSet, source: SourceInput): Promise<Found> {
  const summary = new NumberSummary();
  const counts = new Map<number, number>();
  for await (const {
    cells: [inputs, labels],
  } of set.chunks()) {
    summary.add(inputs, undefined);
    for (const label of labels as Iterable<number>)
      if (counts.size <= fewClasses || counts.has(label)) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const hasClasses =
    set.classes !== undefined ||
    (counts.size <= fewClasses && [...counts.keys()].every((label) => Number.isInteger(label) && label >= 0));
  const labels = hasClasses
    ? [...counts]
        .sort(([a], [b]) => a - b)
        .map(([label, count]) => ({ text: set.classes?.[label] ?? String(label), count }))
    : [];
  return {
    what: set.what,
    rows: set.rowCount,
    columns: [],
    inputs: { shape: set.inputShape, dtype: set.dtype, min: summary.min, max: summary.max },
    labels,
    recipe: suggestion(source, {
      hasClasses,
      outputs: hasClasses ? Math.max(...counts.keys()) + 1 : set.labelCount,
      shape: set.inputShape,
    }),
  };
}

function suggestion(
  source: SourceInput,
  about: {
    hasClasses: boolean;
    outputs: number;
    table?: NonNullable<RecipeInput['data']['table']>;
    shape?: readonly number[];
  },
): RecipeInput {
  const { hasClasses, outputs, table, shape } = about;
  const flatten = shape && shape.length > 1 ? ['flatten' as const] : [];
  return {
    name: 'first',
    ranks: 4,
    data: { large: source, split: { test: 0.2 }, ...(table ? { table } : {}) },
    loss: hasClasses ? 'softmaxCrossEntropy' : 'mse',
    teacher: {
      model: {
        layers: [
          ...flatten,
          { dense: shape && sizeOf(shape) > 256 ? 256 : 64, activation: 'relu' },
          { dense: hasClasses ? outputs : 1 },
        ],
      },
      batch: 128,
      epochs: 10,
      validation: 0.1,
    },
  };
}
