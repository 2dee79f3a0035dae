// What is in a file or folder: columns with their types, missing cells, ranges and most frequent values, or the shape
// of tensors and their classes, and a recipe to start from.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  hasTable,
  parseRecipe,
  StillhouseError,
  type Recipe,
  type RecipeInput,
  type SourceInput,
} from '@stillhouse/core';
import { locate, type DataPlaces } from '../file/places.js';
import { NumberSummary } from '../row/number-summary.js';
import { TableReader } from '../table/duckdb.js';
import type { Source } from './source.js';
import { openContext, openSource, sourceByName, sourceContext } from './sources.js';
import {
  declarationOf,
  inspectColumns,
  reasonToIgnore,
  type ColumnFacts,
  type InspectedColumn,
} from '../table/inspect-columns.js';
import type { Table } from '../table/table.js';
import { sizeOf, type TensorSet } from '../tensor/tensor-set.js';

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

const recipeToOpen = (source: SourceInput, target = '?', delimiter = ','): Recipe =>
  parseRecipe({
    loss: 'mse',
    data: { large: source, split: { test: 0.2 }, ...(hasTable(source) ? { table: { target, delimiter } } : {}) },
    teacher: { model: { layers: [{ dense: 1 }] } },
  });

const isOneColumn = (source: Source): boolean => source.type === 'table' && source.table.columns.length === 1;

/** A source with the delimiter that its cells are separated by; a comma unless another one gives more columns. */
async function withDelimiter(
  open: (delimiter: string) => Promise<Source>,
): Promise<{ opened: Source; delimiter: string }> {
  const usual = await open(',').catch((cause: unknown) => cause as Error);
  if (!(usual instanceof Error) && !isOneColumn(usual)) return { opened: usual, delimiter: ',' };
  for (const delimiter of [';', '\t', '|']) {
    const opened = await open(delimiter).catch(() => undefined);
    if (opened && !isOneColumn(opened)) return { opened, delimiter };
  }
  if (usual instanceof Error) throw usual;
  return { opened: usual, delimiter: ',' };
}

/** @throws StillhouseError DATA_… */
export async function inspectSource(
  source: SourceInput,
  places: DataPlaces,
  options: { target?: string | undefined } = {},
): Promise<Inspection> {
  const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-inspect-'));
  const tables = new TableReader(places.recipeFolder, scratch, places.dataFolders);
  try {
    const open = async (separator: string): Promise<Source> => {
      const recipe = recipeToOpen(source, options.target, separator);
      // Folders of images have names, which may be classes.
      const context = { ...openContext(sourceContext(places, tables), recipe, true), hasClasses: true };
      return openSource(recipe.data.large, context);
    };
    const { opened, delimiter } = await withDelimiter(open);
    const found =
      opened.type === 'table'
        ? await inspectTable(opened.table, source, { wanted: options.target, delimiter })
        : await inspectTensors(opened.tensors, source);
    return { ...found, warnings: [...(opened.warnings ?? []), ...found.warnings] };
  } finally {
    tables.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Integers with at most this many values are taken to be classes. */
const fewClasses = 20;
/** A class needs so many rows for some of them to be training rows. */
const rowsPerClass = 10;
/** A target with more texts has no classes. */
const classesNamed = 1000;
const targetNames = /^(y|target|label|class)$/i;

/**
 * Why a column cannot be a target, as the end of a sentence; undefined if it can.
 * @param classes if the target has classes
 */
function targetFault(
  { fault, missing, distinct, isUnnamed }: ColumnFacts,
  classes: readonly Counted[] | undefined,
): string | undefined {
  if (fault !== undefined) return fault;
  if (missing > 0) return `has ${missing} rows without a label; give them one, or leave them out with sql`;
  if (distinct < 2) return 'is the same in every row';
  if (isUnnamed) return 'has no name';
  if (distinct > classesNamed && classes) return `has ${distinct} different texts, too many for classes`;
  const rare = classes?.find(({ count }) => count < rowsPerClass);
  return (
    rare &&
    `has classes of few rows, such as ${JSON.stringify(rare.text)}, which may all be held out; leave them out with sql`
  );
}

/** Whether a target has classes, rather than numbers. */
function isClasses({ type, isBoolean, distinct, min, max }: ColumnFacts): boolean {
  const isWhole = /^-?\d+$/.test(min ?? '') && /^-?\d+$/.test(max ?? '');
  return type === 'category' || isBoolean || (isWhole && distinct <= fewClasses);
}

type Counted = Inspection['labels'][number];

interface ChosenTarget {
  readonly target: ColumnFacts;
  readonly hasClasses: boolean;
  /** The most frequent first. */
  readonly classes: readonly Counted[];
  readonly warnings: readonly string[];
}

/** The wanted column, or one with the name of a target, or the last; the nearest before it, if it cannot be one. */
async function chooseTarget(
  table: Table,
  columns: readonly ColumnFacts[],
  wanted: string | undefined,
): Promise<ChosenTarget> {
  const first = columns.find(({ name }) => (wanted === undefined ? targetNames.test(name) : name === wanted));
  const usual = first ?? columns.at(-1)!;
  const before = columns.slice(0, columns.indexOf(usual)).reverse();
  let why: string | undefined;
  for (const target of wanted === undefined ? [usual, ...before] : [usual]) {
    const hasClasses = isClasses(target);
    const classes = hasClasses ? await table.frequent(target.name, classesNamed) : [];
    const fault = targetFault(target, hasClasses ? classes : undefined);
    why ??= fault;
    if (fault !== undefined) continue;
    const warnings = why === undefined ? [] : [`column ${usual.name} is not the target of the recipe: it ${why}`];
    return { target, hasClasses, classes, warnings };
  }
  const hasClasses = isClasses(usual);
  return {
    target: usual,
    hasClasses,
    classes: hasClasses ? await table.frequent(usual.name, classesNamed) : [],
    warnings: [`the recipe may be refused: column ${usual.name} ${why}`],
  };
}

/** Why columns are not inputs, or are something else than they seem to be. */
const notesOn = (inputs: readonly ColumnFacts[], rowCount: number): string[] =>
  inputs.flatMap((column) => {
    const { name, code } = column;
    const reason = reasonToIgnore(column, rowCount);
    if (reason !== undefined) return [`column ${name} is ignored: it ${reason}`];
    return code === undefined
      ? []
      : [`column ${name} is a category: some of its numbers begin with 0, such as ${code}`];
  });

async function inspectTable(
  table: Table,
  source: SourceInput,
  { wanted, delimiter }: { wanted: string | undefined; delimiter: string },
): Promise<Inspection> {
  if (wanted !== undefined) table.column(wanted);
  const guess = wanted ?? table.columns.find(({ name }) => targetNames.test(name))?.name ?? table.columns.at(-1)!.name;
  let { columns, style } = await inspectColumns(table, guess);
  const chosen = await chooseTarget(table, columns, wanted);
  const { target, hasClasses, classes } = chosen;
  // The decimals of the target decide how others are declared.
  if (target.name !== guess) ({ columns, style } = await inspectColumns(table, target.name));
  const inputs = columns.filter(({ name }) => name !== target.name);
  const declared = inputs.flatMap((column) => {
    const said = declarationOf(column, table.rowCount);
    return said === undefined ? [] : [[column.name, said] as const];
  });
  const ignored = new Set(declared.flatMap(([name, said]) => (said === 'ignore' ? name : [])));
  const hasMissing = inputs.some(({ name, type, missing }) => type !== 'category' && !ignored.has(name) && missing > 0);
  return {
    what: table.what,
    rows: table.rowCount,
    columns: columns.map(({ name, type, missing, distinct, isExact, min, max, frequent }) => ({
      name,
      type,
      missing,
      distinct,
      isExact,
      min,
      max,
      frequent,
    })),
    inputs: undefined,
    labels: hasClasses ? classes.slice(0, fewClasses) : [],
    warnings: [
      ...chosen.warnings,
      ...notesOn(inputs, table.rowCount),
      ...(ignored.size === inputs.length ? ['the recipe will be refused: no column can be an input'] : []),
    ],
    recipe: suggestion(source, {
      hasClasses,
      outputs: Math.max(2, classes.length),
      table: {
        target: target.name,
        ...(delimiter === ',' ? {} : { delimiter }),
        ...style,
        ...(declared.length > 0 ? { columns: Object.fromEntries(declared) } : {}),
        ...(hasMissing ? { missing: 'mean' as const } : {}),
      },
    }),
  };
}

async function inspectTensors(set: TensorSet, source: SourceInput): Promise<Inspection> {
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
    warnings: [],
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
