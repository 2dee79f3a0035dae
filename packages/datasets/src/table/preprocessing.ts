// Fits preprocessing on the training rows of the large set and on nothing else, so that held-out rows and rows to
// predict are encoded by the same rules: types of columns, categories, scales, classes.
import {
  booleanOfText,
  categoryFinder,
  limits,
  logarithmic,
  StillhouseError,
  type CategoryColumn,
  type ColumnConfig,
  type FittedColumn,
  type Notation,
  type NumberColumn,
  type Numbers,
  type Recipe,
  type TableConfig,
  type TensorType,
} from '@stillhouse/core';
import type { Loss, LossFacts, TargetScale } from '@stillhouse/core/training';
import { refuseClasses } from '../row/label-faults.js';
import { NumberSummary } from '../row/number-summary.js';
import type { Selection } from '../row/selection.js';
import { planTarget, scaleOf, summaryOf, transformsOf, type TargetPlan } from '../row/target-scale.js';
import type { NumberReading } from '../row/yeo-johnson-lambda.js';
import { timeNotationOf, type TableColumn, type Want } from './column-reading.js';
import { declaredFor } from './declared-column.js';
import { doubtAboutCategories, doubtAboutNumbers, doubtAboutTexts } from './doubts.js';
import { adviceFor, looksNumeric, notationOf } from './notation.js';
import type { Table } from './table.js';

/** A column to predict, how it is scaled for regression, and how text writes its numbers, if not as 1234.5. */
export type FittedTarget = TargetScale & { readonly name: string; readonly notation?: Notation | undefined };

/** How cells become numbers; stored with the model. */
export interface Preprocessing {
  readonly columns: readonly FittedColumn[];
  readonly targets: readonly FittedTarget[];
  /** Names of the classes in the order of their indices, for classification. */
  readonly classes: readonly string[] | undefined;
}

export const targetsOf = (config: TableConfig): string[] =>
  typeof config.target === 'string' ? [config.target] : config.target;

type NumberPlan = {
  readonly name: string;
  readonly number: 'standardize' | 'minMax' | 'log' | 'none';
  readonly missing: NumberColumn['missing'];
  readonly indicator: boolean;
  readonly notation?: Notation | undefined;
  /** For a column that the recipe does not declare, what is doubtful about its texts. */
  readonly doubt?: string | undefined;
};
type CategoryPlan = {
  readonly name: string;
  readonly category: 'oneHot' | 'hash' | 'index';
  readonly buckets: number;
  /** Whether the recipe does not say that it is one. */
  readonly isFound?: boolean;
};
type ColumnPlan = NumberPlan | CategoryPlan;

/** What the first rows of a text column show. */
interface TextFacts {
  readonly isNumeric: boolean;
  readonly notation: Notation | undefined;
  /** If its numbers are plain: what is doubtful about them. */
  readonly doubt: string | undefined;
  /** If it is not numeric: how a recipe could make it so, and a cell. */
  readonly advice: string | undefined;
  readonly example: string | undefined;
}

/** @param names columns, of which those of text count */
function textFacts(table: Table, names: readonly string[], config: TableConfig): Promise<Map<string, TextFacts>> {
  const texts = names.filter((name) => table.has(name) && table.column(name).type === 'text');
  return table.sample(texts, (cells, name) => {
    const notation = notationOf(cells, name, config);
    const isNumeric = looksNumeric(cells, notation);
    const doubt = isNumeric && !notation ? doubtAboutTexts(name, cells) : undefined;
    return { isNumeric, notation, doubt, advice: isNumeric ? undefined : adviceFor(cells), example: cells[0] };
  });
}

/**
 * A column as declared. By default, text without a number among its first rows is a category, anything else a number.
 * @throws StillhouseError DATA_CELL if such text is numbers in another notation
 */
function planOf(
  { what }: Table,
  { name, sqlType }: TableColumn,
  { config, facts }: { config: TableConfig; facts: TextFacts | undefined },
): ColumnPlan | undefined {
  const declared: ColumnConfig = declaredFor(config, name) ?? (facts && !facts.isNumeric ? 'category' : 'number');
  if (declaredFor(config, name) === undefined && facts?.advice !== undefined)
    throw new StillhouseError(
      'DATA_CELL',
      `${what}, column ${name}: ${JSON.stringify(facts.example)} is a number or a date in another notation`,
      { next: `${facts.advice}, or declare the column as a category in data.table.columns.` },
    );
  if (declared === 'ignore') return undefined;
  const isFound = declaredFor(config, name) === undefined;
  if (declared === 'category') return { name, category: 'oneHot', buckets: 0, isFound };
  const plain = {
    name,
    number: config.standardize ? ('standardize' as const) : ('none' as const),
    missing: config.missing,
    indicator: false,
    notation: facts?.notation ?? timeNotationOf(sqlType),
    ...(isFound ? { doubt: facts?.doubt } : {}),
  };
  if (declared === 'number') return plain;
  if (!('number' in declared)) return { name, ...declared };
  const { number, missing, indicator } = declared;
  return { ...plain, number, indicator, missing: missing ?? config.missing };
}

const unscaled: TargetScale = { mean: 0, deviation: 1 };
/** Beyond this many deviations from 0, rounding to fp32 would lose precision after the shift. */
const exactDeviations = 256;

const smallTypes: Readonly<Record<string, TensorType>> = {
  UTINYINT: 'U8',
  BOOLEAN: 'U8',
  TINYINT: 'I8',
  USMALLINT: 'U16',
  SMALLINT: 'I16',
};

/** Integers keep their size if every source has integers and none may be missing. */
function numberType(plan: NumberPlan, sqlTypes: readonly string[], summary: NumberSummary): TensorType {
  const small =
    sqlTypes.every((type) => type === sqlTypes[0]) && plan.missing === 'error' ? smallTypes[sqlTypes[0]] : undefined;
  return (
    small ??
    (Math.max(Math.abs(summary.min), Math.abs(summary.max)) > exactDeviations * summary.deviation ? 'F64' : 'F32')
  );
}

function fitNumber(
  plan: NumberPlan,
  { plain, scaled }: { plain: NumberSummary; scaled: NumberSummary },
  sqlTypes: readonly string[],
): NumberColumn {
  const { name, number, missing, indicator, notation } = plan;
  const extent = plain.max - plain.min;
  const scaling =
    number === 'none'
      ? { shift: 0, scale: 1 }
      : number === 'minMax'
        ? { shift: plain.count ? plain.min : 0, scale: extent > 0 ? extent : 1 }
        : { shift: scaled.mean, scale: scaled.deviation };
  return {
    name,
    type: 'number',
    transform: number === 'log' ? 'log' : 'none',
    ...scaling,
    fill: plain.mean,
    indicator,
    missing,
    dtype: numberType(plan, sqlTypes, plain),
    ...(notation ? { notation } : {}),
  };
}

/** The smallest integer type that can count this far. */
export const indexType = (most: number): TensorType => (most < 2 ** 8 ? 'U8' : most < 2 ** 16 ? 'U16' : 'U32');

function fitCategory({ name, category, buckets }: CategoryPlan, categories: readonly string[]): CategoryColumn {
  return category === 'hash'
    ? { name, type: 'category', encode: 'hash', buckets, dtype: indexType(buckets) }
    : { name, type: 'category', encode: category, categories, dtype: indexType(categories.length) };
}

const isNumeric = (text: string): boolean => text !== '' && Number.isFinite(Number(text));
/** Booleans that are written in several ways keep the first of them. */
function oneSpelling(categories: readonly string[]): readonly string[] {
  const values = categories.map(booleanOfText);
  if (!values.every((value) => value === value)) return categories;
  return categories.filter((_, i) => values.indexOf(values[i]) === i);
}

const inOrder = (classes: readonly string[]): string[] =>
  classes.every(isNumeric) ? [...classes].sort((a, b) => Number(a) - Number(b)) : [...classes].sort();

/** Whether labels have names, one per output of the model. */
async function classesOf(
  table: Table,
  names: readonly string[],
  loss: LossFacts,
): Promise<readonly string[] | undefined> {
  if (loss.labels === 'numbers' || (loss.labels === 'binary' && names.length > 1)) return undefined;
  if (
    loss.labels === 'binary' &&
    table.column(names[0]).type === 'number' &&
    table.column(names[0]).sqlType !== 'BOOLEAN'
  )
    return undefined;
  const classes = oneSpelling(await table.distinct(names[0], limits.categoryCount));
  return loss.labels === 'class' || classes.some((name) => !isNumeric(name)) ? classes : undefined;
}

/** Categories and their counts; those that are not known beforehand are added as they occur. */
class Counted {
  readonly want: Want & { readonly as: 'category' };
  readonly #names: string[];
  readonly #places = new Map<string, number>();
  readonly #counts: number[];

  constructor(column: string, known: readonly string[], add?: { limit: number; tooMany: () => StillhouseError }) {
    this.#names = [...known];
    this.#counts = known.map(() => 0);
    this.want = {
      column,
      as: 'category',
      categories: known,
      ...(add ? { add: (text: string) => this.#place(text, add) } : {}),
    };
  }

  count(cells: Numbers, rows: readonly number[] | undefined): void {
    const counts = this.#counts;
    const total = rows ? rows.length : cells.length;
    for (let i = 0; i < total; i++) {
      const place = cells[rows ? rows[i] : i];
      if (place > 0) counts[place - 1] += 1;
    }
  }

  /** Rows that have a category. */
  get rowCount(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Categories that were counted, sorted. */
  get counted(): readonly string[] {
    return oneSpelling(this.#names.filter((_, i) => this.#counts[i] > 0).sort());
  }

  #place(text: string, { limit, tooMany }: { limit: number; tooMany: () => StillhouseError }): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    if (this.#names.length === limit) throw tooMany();
    const place = this.#names.push(text);
    this.#counts.push(0);
    this.#places.set(text, place);
    return place;
  }
}

/** Positions of a chunk's rows that are in the training part. */
function trainingRows(
  pass: ReturnType<Selection['pass']>,
  { first, rowCount, keys }: { first: number; rowCount: number; keys: readonly (string | null)[] | undefined },
): number[] {
  const rows: number[] = [];
  for (let i = 0; i < rowCount; i++) if (pass(first + i, { key: keys?.[i] ?? null }) === 'training') rows.push(i);
  return rows;
}

/** Numbers of a column on the training rows. */
const trainingNumbers = (
  table: Table,
  selection: Selection,
  { column, notation, key }: { column: string; notation: Notation | undefined; key: string | undefined },
): NumberReading =>
  async function* () {
    const pass = selection.pass();
    const wants: Want[] = [{ column, as: 'number', notation }];
    if (key !== undefined && !selection.isWhole) wants.push({ column: key, as: 'text' });
    let first = 0;
    for await (const { rowCount, cells } of table.chunks(wants)) {
      const [numbers, keys] = cells as readonly [Numbers, ((string | null)[] | undefined)?];
      yield selection.isWhole
        ? numbers
        : Float64Array.from(trainingRows(pass, { first, rowCount, keys }), (row) => numbers[row]);
      first += rowCount;
    }
  };

export interface FitOptions extends Pick<Recipe['data'], 'targetTransform'> {
  readonly loss: Loss;
  /** Column that rows are split by. */
  readonly key: string | undefined;
  readonly weight: string | undefined;
  /** Types of a column in each of the sets' tables. */
  readonly sqlTypes: (name: string) => string[];
  /** Called with what is probably not meant as it is read, as sentences. */
  readonly onDoubt: (doubt: string) => void;
}

/**
 * Fits on the training rows of the large set.
 * @throws StillhouseError DATA_COLUMN, DATA_CELL, RECIPE_INVALID
 */
export async function fitTable(
  table: Table,
  selection: Selection,
  config: TableConfig,
  how: FitOptions,
): Promise<Preprocessing> {
  const names = targetsOf(config);
  const guides = [how.key, how.weight].filter((name) => name !== undefined);
  for (const name of [...names, ...guides]) table.column(name);
  if (how.loss.labels === 'class' && names.length > 1)
    throw new StillhouseError(
      'RECIPE_INVALID',
      `data.table.target names several columns: ${how.loss.name} needs one column of classes`,
    );
  // The column that rows are split by identifies their group, so it is an input only if it is declared as one; so are
  // weights, and columns without a name, most of which number rows.
  const inputs = table.columns.filter(
    ({ name, isUnnamed }) =>
      !names.includes(name) && (declaredFor(config, name) || !(isUnnamed || guides.includes(name))),
  );
  const facts = await textFacts(table, [...names, ...inputs.map(({ name }) => name)], config);
  const plans = inputs.flatMap((column) => planOf(table, column, { config, facts: facts.get(column.name) }) ?? []);
  if (plans.length === 0) throw new StillhouseError('DATA_COLUMN', `${table.what} has no column except the target`);
  const usual = config.standardize && how.loss.labels === 'numbers' ? 'standardize' : 'none';
  const notations = names.map((name) => facts.get(name)?.notation ?? timeNotationOf(table.column(name).sqlType));
  const targets: TargetPlan[] = [];
  for (const [i, kind] of transformsOf(how, names.length, usual).entries())
    targets.push(
      await planTarget(
        kind,
        trainingNumbers(table, selection, { column: names[i], notation: notations[i], key: how.key }),
      ),
    );
  const { preprocessing, labels } = await fitPlans(table, selection, plans, { ...how, names, targets, notations });
  refuseClasses(table.what, labels, how.loss);
  return preprocessing;
}

/**
 * What the training rows of the small set add to what was fitted on the large one: classes that do not occur there, and
 * declared columns that it lacks. Undefined if they add nothing.
 * @throws StillhouseError DATA_COLUMN, DATA_CELL
 */
export async function extendTable(
  { base, small, large }: { base: Preprocessing; small: Table; large: Table },
  selection: Selection,
  config: TableConfig,
  how: FitOptions,
): Promise<Preprocessing | undefined> {
  const names = targetsOf(config);
  const inputs = small.columns.filter(
    ({ name }) => !names.includes(name) && declaredFor(config, name) && !large.has(name),
  );
  const facts = await textFacts(
    small,
    inputs.map(({ name }) => name),
    config,
  );
  const plans = inputs.flatMap((column) => planOf(small, column, { config, facts: facts.get(column.name) }) ?? []);
  const hasClasses = how.loss.labels === 'class';
  if (plans.length === 0 && !hasClasses) return undefined;
  const { preprocessing: added } = await fitPlans(small, selection, plans, {
    ...how,
    names: hasClasses ? names : [],
    notations: [],
    targets: hasClasses ? names.map(() => ({ kind: 'none' })) : [],
  });
  const find = categoryFinder(base.classes ?? []);
  const classes = (added.classes ?? []).filter((name) => find(name) === 0);
  if (plans.length + classes.length === 0) return undefined;
  return {
    columns: [...base.columns, ...added.columns],
    targets: base.targets,
    classes: base.classes && [...base.classes, ...classes],
  };
}

/** What is known of the columns of the training rows, by their names. */
interface Summaries {
  readonly numbers: ReadonlyMap<string, { readonly plain: NumberSummary; readonly scaled: NumberSummary }>;
  readonly categories: ReadonlyMap<string, Counted>;
}

/** Reads the training rows into summaries. */
async function summariseRows(
  table: Table,
  selection: Selection,
  { wants, key, numbers, categories }: Summaries & { wants: Want[]; key: string | undefined },
): Promise<void> {
  const keyAt = key === undefined || selection.isWhole ? undefined : wants.push({ column: key, as: 'text' }) - 1;
  const pass = selection.pass();
  let first = 0;
  for await (const { rowCount, cells } of table.chunks(wants)) {
    const rows = selection.isWhole
      ? undefined
      : trainingRows(pass, {
          first,
          rowCount,
          keys: keyAt === undefined ? undefined : (cells[keyAt] as (string | null)[]),
        });
    wants.forEach(({ column, as }, i) => {
      if (as === 'category') categories.get(column)!.count(cells[i] as Numbers, rows);
      if (as === 'number')
        for (const summary of new Set(Object.values(numbers.get(column)!))) summary.add(cells[i] as Numbers, rows);
    });
    first += rowCount;
  }
}

/** @returns undefined for a column that is not doubtful */
function doubtAbout(plan: ColumnPlan, { numbers, categories }: Summaries, table: Table): string | undefined {
  const { name } = plan;
  if ('number' in plan)
    return plan.doubt ?? doubtAboutNumbers(name, numbers.get(name)!.plain, table.column(name).sqlType);
  const counted = plan.isFound ? categories.get(name)! : undefined;
  return counted && doubtAboutCategories(name, counted.counted.length, counted.rowCount);
}

/** @returns also the classes of the training rows, as far as they are known: for a number, if it is always the same */
async function fitPlans(
  table: Table,
  selection: Selection,
  plans: readonly ColumnPlan[],
  how: FitOptions & {
    names: readonly string[];
    targets: readonly TargetPlan[];
    notations: readonly (Notation | undefined)[];
  },
): Promise<{ preprocessing: Preprocessing; labels: readonly string[] }> {
  const { key, loss, names, targets, notations } = how;
  const possible = names.length > 0 ? await classesOf(table, names, loss) : undefined;
  const wants: Want[] = [];
  const numbers = new Map<string, { plain: NumberSummary; scaled: NumberSummary }>();
  const categories = new Map<string, Counted>();
  const count = (name: string, counted: Counted): void => {
    categories.set(name, counted);
    wants.push(counted.want);
  };
  const summarise = (
    { name, notation }: { name: string; notation?: Notation | undefined },
    plain: NumberSummary,
    scaled = plain,
  ): void => {
    numbers.set(name, { plain, scaled });
    wants.push({ column: name, as: 'number', notation });
  };
  for (const plan of plans) {
    const { name } = plan;
    if ('number' in plan)
      summarise(plan, new NumberSummary(), plan.number === 'log' ? new NumberSummary(logarithmic) : undefined);
    else if (plan.category !== 'hash') {
      const limit = plan.category === 'oneHot' ? limits.oneHotCategories : limits.categoryCount;
      count(name, new Counted(name, [], { limit, tooMany: () => table.tooMany(name, limit) }));
    }
  }
  if (possible) count(names[0], new Counted(names[0], possible));
  else names.forEach((name, i) => summarise({ name, notation: notations[i] }, summaryOf(targets[i])));
  await summariseRows(table, selection, { wants, key, numbers, categories });
  const doubts = plans.map((plan) => doubtAbout(plan, { numbers, categories }, table));
  for (const doubt of doubts) if (doubt !== undefined) how.onDoubt(doubt);
  const classes = possible && inOrder(categories.get(names[0])!.counted);
  const [only] = names.length === 1 ? [numbers.get(names[0])?.plain] : [];
  return {
    preprocessing: {
      columns: plans.map((plan) =>
        'number' in plan
          ? fitNumber(plan, numbers.get(plan.name)!, how.sqlTypes(plan.name))
          : fitCategory(plan, plan.category === 'hash' ? [] : categories.get(plan.name)!.counted),
      ),
      targets: names.map((name, i) => {
        const summary = numbers.get(name)?.plain;
        return {
          name,
          ...(summary ? scaleOf(targets[i], summary) : unscaled),
          ...(summary && notations[i] ? { notation: notations[i] } : {}),
        };
      }),
      classes,
    },
    labels: classes ?? (only && only.count > 0 && only.min === only.max ? [String(only.min)] : []),
  };
}
