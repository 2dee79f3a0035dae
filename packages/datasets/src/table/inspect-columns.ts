// What the columns of a table are, from all of its rows, and what a recipe should say about each to be accepted.
import { isTimeNotation, type ColumnConfig, type Notation, type TableConfig } from '@stillhouse/core';
import { NumberSummary } from '../row/number-summary.js';
import { textFacts, type TextFacts } from './column-plan.js';
import { timeNotationOf, type TableColumn } from './column-reading.js';
import { doubtAboutCategories, hasRounded } from './doubts.js';
import { stylesOf } from './notation.js';
import type { ColumnSummary, Table } from './table.js';

export interface InspectedColumn extends ColumnSummary {
  readonly name: string;
  /** number, date, time, category, or why it can be none of them. */
  readonly type: string;
  /** The most frequent values of a category. */
  readonly frequent: readonly { readonly text: string; readonly count: number }[];
}

/** A column with what a recipe needs to know of it. */
export interface ColumnFacts extends InspectedColumn {
  readonly isUnnamed: boolean;
  /** Whether the file stores booleans. */
  readonly isBoolean: boolean;
  /** Why the column can be neither an input nor a target as it is, as the end of a sentence. */
  readonly fault?: string | undefined;
  /** What must be declared for the column to be read as `type`. */
  readonly declared?: ColumnConfig | undefined;
  /** One of its numbers that is probably a code; the column is then declared as a category. */
  readonly code?: string | undefined;
}

/** How a recipe says that texts of the table write numbers. */
export type TableStyle = Pick<TableConfig, 'decimal' | 'units'>;

const frequentShown = 5;
/** A category with more values gets buckets. */
const manyCategories = 1000;
/** If at least this share of the texts of a column is numbers, the others are taken to be mistakes. */
const mostlyNumbers = 0.5;
/** Texts of a column that are no numbers, of which it is seen how they write some all the same. */
const faultsKept = 1000;
const largestFloat = 3.4028234663852886e38;

type Decimal = TableConfig['decimal'];

/** How the texts of columns write numbers, as far as they have been looked at. */
class Styles {
  readonly units = new Set<string>();
  /** The beginning of decimals in each column that needs one. */
  readonly decimals = new Map<string, Decimal>();
  /** Other columns with decimals that begin with a point. */
  readonly pointed = new Set<string>();

  /** @returns whether the texts of a column need something that is not known yet */
  learn(texts: readonly string[], name: string): boolean {
    const before = this.units.size + this.decimals.size;
    const styles = stylesOf(texts);
    for (const unit of styles?.units ?? []) this.units.add(unit);
    // Groups of three digits are more usual than exactly three decimals in every cell.
    const [decimal] = ['.' as const, ',' as const].filter((each) => styles?.decimals.includes(each));
    if (decimal === undefined) {
      if (texts.some((text) => /\d\.\d/.test(text))) this.pointed.add(name);
    } else if (decimal === '.' || !this.pointed.has(name)) this.decimals.set(name, decimal);
    return this.units.size + this.decimals.size > before;
  }
}

/** The decimal of most columns; of a target it cannot be declared, so its own prevails. */
function usualDecimal(decimals: ReadonlyMap<string, Decimal>, pointed: ReadonlySet<string>, target: string): Decimal {
  if (decimals.has(target)) return decimals.get(target);
  const all = [...decimals.values()];
  const commas = all.filter((decimal) => decimal === ',').length;
  return all.length === 0 ? undefined : commas > all.length / 2 && !pointed.has(target) ? ',' : '.';
}

interface Numbers {
  readonly summary: NumberSummary;
  /** Texts that are no numbers: how many, and some. */
  readonly faults: { count: number; readonly texts: string[] };
}

/** Reads the columns of text that are numbers or times. */
async function numbersIn(
  table: Table,
  columns: ReadonlyMap<string, Notation | undefined>,
): Promise<Map<string, Numbers>> {
  const found = new Map<string, Numbers>();
  if (columns.size === 0) return found;
  const wants = [...columns].map(([column, notation]) => {
    const faults: Numbers['faults'] = { count: 0, texts: [] };
    found.set(column, { summary: new NumberSummary(), faults });
    const onFault = (text: string): void => {
      faults.count += 1;
      if (faults.texts.length < faultsKept) faults.texts.push(text);
    };
    return { column, as: 'number', notation, onFault } as const;
  });
  for await (const { cells } of table.chunks(wants))
    wants.forEach(({ column }, i) => found.get(column)!.summary.add(cells[i] as Float64Array, undefined));
  return found;
}

const timeTypes = { timestamp: 'date', time: 'time' } as const;

function typeOfColumn({ type, sqlType }: TableColumn, facts: TextFacts | undefined): string {
  const notation = facts?.notation ?? timeNotationOf(sqlType);
  if (typeof notation === 'string') return timeTypes[notation];
  if (type === 'other') return `${sqlType}, which cannot be an input`;
  return type === 'number' || facts?.isNumeric === true ? 'number' : 'category';
}

const isMostlyNumbers = ({ summary: { count }, faults }: Numbers): boolean =>
  count >= mostlyNumbers * (count + faults.count);

/** What is to be done with a column besides reading it as what it is. */
function judgement(
  column: TableColumn,
  {
    type,
    summary,
    facts,
    numbers,
  }: {
    type: string;
    summary: ColumnSummary;
    facts: TextFacts | undefined;
    numbers: Numbers | undefined;
  },
): { type: string; fault?: string } {
  if (column.conflict !== undefined) return { type, fault: column.conflict };
  if (column.type === 'other') return { type, fault: `is of the type ${column.sqlType}` };
  if (summary.distinct === 0) return { type, fault: 'has no cell' };
  if (facts?.advice !== undefined)
    return { type, fault: `has cells such as ${JSON.stringify(facts.example)}: ${facts.advice}` };
  if (numbers && numbers.faults.count > 0) {
    const {
      count,
      texts: [first],
    } = numbers.faults;
    if (type === 'number' && !isMostlyNumbers(numbers)) return { type: 'category' };
    return { type, fault: `has ${count} cells that are no ${type}, such as ${JSON.stringify(first)}` };
  }
  const [min, max] = [summary.min, summary.max].map(Number);
  if (type === 'number' && Math.max(-min, max) > largestFloat) return { type, fault: 'has numbers that are too large' };
  const isRounded = facts
    ? facts.doubt !== undefined && facts.code === undefined
    : hasRounded(column.sqlType, { min, max });
  if (type === 'number' && isRounded) return { type, fault: 'has whole numbers that would be rounded' };
  return { type };
}

/** What texts are if they are read in some style, and what a recipe says for that. */
interface ReadTexts {
  readonly facts: ReadonlyMap<string, TextFacts>;
  readonly numbers: ReadonlyMap<string, Numbers>;
  readonly style: TableStyle;
  /** What columns of another style than the table's must declare. */
  readonly own: ReadonlyMap<string, ColumnConfig>;
}

async function readTexts(table: Table, texts: readonly string[], target: string, styles: Styles): Promise<ReadTexts> {
  const { decimals, pointed } = styles;
  const units = [...styles.units];
  const decimal = usualDecimal(decimals, pointed, target);
  const own = new Map<string, ColumnConfig>();
  for (const [name, needed] of [...[...pointed].map((each) => [each, '.'] as const), ...decimals])
    if (decimal !== undefined && needed !== decimal)
      own.set(name, { number: 'standardize', indicator: false, decimal: needed });
  const style = { ...(decimal ? { decimal } : {}), ...(units.length > 0 ? { units } : {}) };
  const facts = await textFacts(table, texts, {
    target,
    columns: Object.fromEntries(own),
    missing: 'error',
    standardize: true,
    delimiter: ',',
    ...style,
  });
  const read = texts.filter((name) => facts.get(name)!.isNumeric || facts.get(name)!.notation === 'timestamp');
  const numbers = await numbersIn(table, new Map(read.map((name) => [name, facts.get(name)!.notation])));
  return { facts, numbers, style, own };
}

/** Reads texts in the style of the first rows and, if a few later cells need more, in theirs as well. */
async function textsOf(table: Table, target: string): Promise<ReadTexts> {
  const texts = table.columns.flatMap(({ name, type }) => (type === 'text' ? name : []));
  const styles = new Styles();
  await table.sample(texts, (cells, name) => styles.learn(cells, name));
  const read = await readTexts(table, texts, target, styles);
  const learned = [...read.numbers].filter(
    ([name, numbers]) =>
      isMostlyNumbers(numbers) &&
      !isTimeNotation(read.facts.get(name)!.notation) &&
      styles.learn(numbers.faults.texts, name),
  );
  return learned.length > 0 ? readTexts(table, texts, target, styles) : read;
}

/**
 * @param target column that a recipe would predict
 * @throws StillhouseError DATA_…
 */
export async function inspectColumns(
  table: Table,
  target: string,
): Promise<{ columns: ColumnFacts[]; style: TableStyle }> {
  const { facts, numbers, style, own } = await textsOf(table, target);
  const summaries = await table.summaries(
    (name) => numbers.has(name) && isMostlyNumbers(numbers.get(name)!) && facts.get(name)!.notation === undefined,
  );
  const columns: ColumnFacts[] = [];
  for (const column of table.columns) {
    const { name } = column;
    const about = { facts: facts.get(name), numbers: numbers.get(name) };
    const code = about.facts?.code;
    const summary = withNumbers(summaries.get(name)!, about);
    const { type, fault } = judgement(column, { type: typeOfColumn(column, about.facts), summary, ...about });
    columns.push({
      name,
      type,
      ...summary,
      frequent: type === 'category' ? await table.frequent(name, frequentShown) : [],
      isUnnamed: column.isUnnamed === true,
      isBoolean: column.sqlType === 'BOOLEAN',
      fault,
      code,
      declared: code !== undefined || (type === 'category' && about.facts?.isNumeric) ? 'category' : own.get(name),
    });
  }
  return { columns, style };
}

/** A summary with what was found by reading texts as numbers. */
function withNumbers(
  summary: ColumnSummary,
  { facts, numbers }: { facts: TextFacts | undefined; numbers: Numbers | undefined },
): ColumnSummary {
  // Dates are shown as they are written, and plain numbers were summarised as such.
  if (!numbers || numbers.summary.count === 0) return summary;
  const { min, max, missing } = numbers.summary;
  const present = { missing: missing - numbers.faults.count };
  if (typeof facts?.notation === 'string') return { ...summary, ...present };
  return { ...summary, ...present, min: String(min), max: String(max) };
}

/**
 * Why a column is no input, as the end of a sentence; undefined if it can be one.
 * @param rowCount rows of the table
 */
export function reasonToIgnore(
  { name, type, distinct, missing, isUnnamed, fault, declared, code }: ColumnFacts,
  rowCount: number,
): string | undefined {
  if (fault !== undefined) return fault;
  if (isUnnamed) return 'has no name';
  // A constant column says nothing, and a category for nearly every row only identifies the row.
  if (distinct < 2) return 'is the same in every row';
  const isCategory = type === 'category' || declared === 'category';
  if (!isCategory || doubtAboutCategories(name, distinct, rowCount - missing) === undefined) return undefined;
  const many = `${distinct} categories in ${rowCount - missing} rows`;
  return code === undefined
    ? `has ${many}`
    : `has numbers that begin with 0, such as ${code}, and if these are codes, ${many}; if not, declare it as a number`;
}

/**
 * What a recipe declares for an input; undefined if nothing.
 * @param rowCount rows of the table
 */
export function declarationOf(column: ColumnFacts, rowCount: number): ColumnConfig | undefined {
  const { type, distinct, declared } = column;
  if (reasonToIgnore(column, rowCount) !== undefined) return 'ignore';
  const isCategory = type === 'category' || declared === 'category';
  return isCategory && distinct > manyCategories ? { category: 'hash', buckets: 64 } : declared;
}
