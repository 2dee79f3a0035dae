// What a column of a table is taken for, as declared or by its first rows, and how it is encoded once its training rows
// have been summarised.
import {
  isTimeNotation,
  StillhouseError,
  type CategoryColumn,
  type ColumnConfig,
  type Notation,
  type NumberColumn,
  type TableConfig,
  type TensorType,
} from '@stillhouse/core';
import type { NumberSummary } from '../row/number-summary.js';
import type { TableColumn } from './column-reading.js';
import { declaredFor } from './declared-column.js';
import { codeIn, doubtAboutTexts } from './doubts.js';
import { adviceFor, looksNumeric, notationOf, notationOfType } from './notation.js';
import type { Table } from './table.js';

type NumberPlan = {
  readonly name: string;
  readonly number: 'standardize' | 'minMax' | 'log' | 'none';
  readonly missing: NumberColumn['missing'];
  readonly indicator: boolean;
  readonly notation?: Notation | undefined;
  /** Whether the recipe does not declare it. */
  readonly isFound?: boolean | undefined;
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
export type ColumnPlan = NumberPlan | CategoryPlan;

/** What the first rows of a text column show. */
export interface TextFacts {
  readonly isNumeric: boolean;
  readonly notation: Notation | undefined;
  /** If it has numbers: what is doubtful about them. */
  readonly doubt: string | undefined;
  /** If it has numbers: one that is probably a code. */
  readonly code: string | undefined;
  /** If it is not numeric: how a recipe could make it so, and a cell. */
  readonly advice: string | undefined;
  readonly example: string | undefined;
}

/** @param names columns, of which those of text count */
export function textFacts(
  table: Table,
  names: readonly string[],
  config: TableConfig,
): Promise<Map<string, TextFacts>> {
  const texts = names.filter((name) => table.has(name) && table.column(name).type === 'text');
  return table.sample(texts, (cells, name) => {
    const notation = notationOf(cells, name, config);
    const isNumeric = looksNumeric(cells, notation);
    const numbers = isNumeric && !isTimeNotation(notation) ? cells : [];
    return {
      isNumeric,
      notation,
      doubt: doubtAboutTexts(name, numbers),
      code: codeIn(numbers),
      advice: isNumeric ? undefined : adviceFor(cells),
      example: cells[0],
    };
  });
}

/**
 * A column as declared. By default, text without a number among its first rows is a category, anything else a number.
 * @throws StillhouseError DATA_CELL if such text is numbers in another notation
 */
export function planOf(
  { what }: Table,
  { name, sqlType }: TableColumn,
  { config, facts }: { config: TableConfig; facts: TextFacts | undefined },
): ColumnPlan | undefined {
  const said = declaredFor(config, name);
  const declared: ColumnConfig = said ?? (facts && !facts.isNumeric ? 'category' : 'number');
  if (said === undefined && facts?.advice !== undefined)
    throw new StillhouseError(
      'DATA_CELL',
      `${what}, column ${name}: ${JSON.stringify(facts.example)} is a number or a date in another notation`,
      { next: `${facts.advice}, or declare the column as a category in data.table.columns.` },
    );
  if (declared === 'ignore') return undefined;
  const isFound = said === undefined;
  if (declared === 'category') return { name, category: 'oneHot', buckets: 0, isFound };
  const plain = {
    name,
    number: config.standardize ? ('standardize' as const) : ('none' as const),
    missing: config.missing,
    indicator: false,
    notation: facts?.notation ?? notationOfType(sqlType),
    isFound,
    ...(isFound ? { doubt: facts?.doubt } : {}),
  };
  if (declared === 'number') return plain;
  if (!('number' in declared)) return { name, ...declared };
  const { number, missing, indicator } = declared;
  return { ...plain, number, indicator, missing: missing ?? config.missing };
}

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

export function fitNumber(
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

export function fitCategory({ name, category, buckets }: CategoryPlan, categories: readonly string[]): CategoryColumn {
  return category === 'hash'
    ? { name, type: 'category', encode: 'hash', buckets, dtype: indexType(buckets) }
    : { name, type: 'category', encode: category, categories, dtype: indexType(categories.length) };
}
