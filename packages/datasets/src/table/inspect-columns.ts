// What the columns of a table are, from all of its rows, and what a recipe should say about each to be accepted.
import { type ColumnConfig, type Notation, type TableConfig } from '@stillhouse/core';
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
}

/** How a recipe says that texts of the table write numbers. */
export type TableStyle = Pick<TableConfig, 'decimal' | 'units'>;

const frequentShown = 5;
/** A category with more values gets buckets. */
const manyCategories = 1000;
/** If at least this share of the texts of a column is numbers, the others are taken to be mistakes. */
const mostlyNumbers = 0.5;
const largestFloat = 3.4028234663852886e38;

type Decimal = TableConfig['decimal'];

/** The beginning of decimals in each column that needs one, and the units of all. */
async function stylesIn(
  table: Table,
  names: readonly string[],
): Promise<{ units: string[]; decimals: Map<string, Decimal>; pointed: Set<string> }> {
  const units = new Set<string>();
  const decimals = new Map<string, Decimal>();
  const pointed = new Set<string>();
  await table.sample(names, (texts, name) => {
    const styles = stylesOf(texts);
    for (const unit of styles?.units ?? []) units.add(unit);
    // Groups of three digits are more usual than exactly three decimals in every cell.
    const decimal = styles?.decimals.includes('.') ? '.' : styles?.decimals.at(0);
    if (decimal) decimals.set(name, decimal);
    else if (texts.some((text) => /\d\.\d/.test(text))) pointed.add(name);
  });
  return { units: [...units], decimals, pointed };
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
  readonly faults: { count: number; first: string | undefined };
}

/** Reads the columns of text that are numbers or times. */
async function numbersIn(
  table: Table,
  columns: ReadonlyMap<string, Notation | undefined>,
): Promise<Map<string, Numbers>> {
  const found = new Map<string, Numbers>();
  if (columns.size === 0) return found;
  const wants = [...columns].map(([column, notation]) => {
    const faults: Numbers['faults'] = { count: 0, first: undefined };
    found.set(column, { summary: new NumberSummary(), faults });
    const onFault = (text: string): void => {
      faults.count += 1;
      faults.first ??= text;
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

const isCode = (doubt: string | undefined): boolean => doubt?.includes('begin with 0') === true;

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
    const { count, first } = numbers.faults;
    if (type === 'number' && !isMostlyNumbers(numbers)) return { type: 'category' };
    return { type, fault: `has ${count} cells that are no ${type}, such as ${JSON.stringify(first)}` };
  }
  const [min, max] = [summary.min, summary.max].map(Number);
  if (type === 'number' && Math.max(-min, max) > largestFloat) return { type, fault: 'has numbers that are too large' };
  const isRounded = facts
    ? facts.doubt !== undefined && !isCode(facts.doubt)
    : hasRounded(column.sqlType, { min, max });
  if (type === 'number' && isRounded) return { type, fault: 'has whole numbers that would be rounded' };
  return { type };
}

/**
 * @param target column that a recipe would predict
 * @throws StillhouseError DATA_…
 */
export async function inspectColumns(
  table: Table,
  target: string,
): Promise<{ columns: ColumnFacts[]; style: TableStyle }> {
  const texts = table.columns.flatMap(({ name, type }) => (type === 'text' ? name : []));
  const { units, decimals, pointed } = await stylesIn(table, texts);
  const decimal = usualDecimal(decimals, pointed, target);
  const own = new Map<string, ColumnConfig>();
  for (const [name, needed] of [...decimals, ...[...pointed].map((each) => [each, '.'] as const)])
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
  const read = table.columns.filter(
    ({ name }) => facts.get(name) && (facts.get(name)!.isNumeric || facts.get(name)!.notation === 'timestamp'),
  );
  const numbers = await numbersIn(table, new Map(read.map(({ name }) => [name, facts.get(name)!.notation])));
  const summaries = await table.summaries(
    (name) => numbers.has(name) && isMostlyNumbers(numbers.get(name)!) && facts.get(name)!.notation === undefined,
  );
  const columns: ColumnFacts[] = [];
  for (const column of table.columns) {
    const { name } = column;
    const about = { facts: facts.get(name), numbers: numbers.get(name) };
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
      declared: type === 'category' && about.facts?.isNumeric ? 'category' : own.get(name),
    });
    if (isCode(about.facts?.doubt)) columns[columns.length - 1] = { ...columns.at(-1)!, declared: 'category' };
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
 * What a recipe declares for an input; undefined if nothing.
 * @param rowCount rows of the table
 */
export function declarationOf(
  { name, type, distinct, missing, isUnnamed, fault, declared }: ColumnFacts,
  rowCount: number,
): ColumnConfig | undefined {
  // A constant column says nothing, and a category for nearly every row only identifies the row.
  if (isUnnamed || fault !== undefined || distinct < 2) return 'ignore';
  if (type !== 'category' && declared !== 'category') return declared;
  if (doubtAboutCategories(name, distinct, rowCount - missing) !== undefined) return 'ignore';
  return distinct > manyCategories ? { category: 'hash', buckets: 64 } : declared;
}
