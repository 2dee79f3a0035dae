// Fits preprocessing on the training rows of the large set and on nothing else, so that held-out rows and rows to
// predict are encoded by the same rules: types of columns, categories, scales, classes.
import {
  categoryFinder,
  limits,
  logarithmic,
  StillhouseError,
  type FittedColumn,
  type Notation,
  type Numbers,
  type Recipe,
  type TableConfig,
} from '@stillhouse/core';
import type { Loss } from '@stillhouse/core/training';
import { refuseClasses } from '../row/label-faults.js';
import { NumberSummary } from '../row/number-summary.js';
import type { Selection } from '../row/selection.js';
import { planTarget, scaleOf, summaryOf, transformsOf, type TargetPlan } from '../row/target-scale.js';
import { fitCategory, fitNumber, planOf, textFacts, type ColumnPlan } from './column-plan.js';
import { timeNotationOf, type Want } from './column-reading.js';
import { CountedCategories } from './counted-categories.js';
import { declaredFor } from './declared-column.js';
import { doubtAboutCategories, doubtAboutNumbers, doubtAboutOneCategory } from './doubts.js';
import type { Table } from './table.js';
import {
  classesOf,
  inOrder,
  numberAdvice,
  targetsOf,
  trainingNumbers,
  unscaled,
  type FittedTarget,
} from './table-targets.js';
import { trainingRows } from './training-rows.js';

/** How cells become numbers; stored with the model. */
export interface Preprocessing {
  readonly columns: readonly FittedColumn[];
  readonly targets: readonly FittedTarget[];
  /** Names of the classes in the order of their indices, for classification. */
  readonly classes: readonly string[] | undefined;
}

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
  readonly categories: ReadonlyMap<string, CountedCategories>;
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
    return plan.doubt ?? doubtAboutNumbers({ ...plan, ...table.column(name) }, numbers.get(name)!.plain);
  const counted = plan.isFound ? categories.get(name)! : undefined;
  return (
    counted &&
    (doubtAboutCategories(name, counted.counted.length, counted.rowCount) ??
      doubtAboutOneCategory(name, counted.counted, counted.rowCount < counted.total))
  );
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
  const categories = new Map<string, CountedCategories>();
  const count = (name: string, counted: CountedCategories): void => {
    categories.set(name, counted);
    wants.push(counted.want);
  };
  const summarise = (
    { name, notation, advice }: { name: string; notation?: Notation | undefined; advice?: string },
    plain: NumberSummary,
    scaled = plain,
  ): void => {
    numbers.set(name, { plain, scaled });
    wants.push({ column: name, as: 'number', notation, advice });
  };
  for (const plan of plans) {
    const { name } = plan;
    if ('number' in plan)
      summarise(plan, new NumberSummary(), plan.number === 'log' ? new NumberSummary(logarithmic) : undefined);
    else if (plan.category !== 'hash') {
      const limit = plan.category === 'oneHot' ? limits.oneHotCategories : limits.categoryCount;
      count(name, new CountedCategories(name, [], { limit, tooMany: () => table.tooMany(name, limit) }));
    }
  }
  if (possible) count(names[0], new CountedCategories(names[0], possible));
  else
    names.forEach((name, i) =>
      summarise({ name, notation: notations[i], advice: numberAdvice }, summaryOf(targets[i])),
    );
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
