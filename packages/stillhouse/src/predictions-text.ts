// Predictions as text: a table gets them as further columns, other rows a line each.
import { StillhouseError, type ModelMetadata } from '@stillhouse/core';
import type { Prediction } from '@stillhouse/core/training';
import { csvLine, type TextTable } from './rows-text.js';

type Named = readonly (readonly [name: string, text: string])[];
type Facts = Pick<ModelMetadata, 'classes' | 'targets'>;

const digits = (value: number): string => String(Number(value.toPrecision(7)));

/** Names for one value, or for several: by target or class, or else counted from 1. */
const numbered = (what: string, count: number, names: readonly (string | undefined)[]): string[] =>
  count === 1 ? [what] : Array.from({ length: count }, (_, k) => `${what}_${names[k] ?? k + 1}`);

/** A prediction's cells, by the names of their columns. */
function cellsOf(
  { values, deviations = [], class: named, probabilities = [] }: Prediction,
  { classes, targets }: Facts,
  isEach: boolean,
): Named {
  const pairs = (names: readonly string[], texts: readonly string[]): Named =>
    names.map((name, i) => [name, texts[i]] as const);
  if (values) {
    const names = targets.map(({ name }) => name);
    return [
      ...pairs(numbered('prediction', values.length, names), values.map(digits)),
      ...pairs(numbered('deviation', deviations.length, names), deviations.map(digits)),
    ];
  }
  if (typeof named !== 'string')
    return [
      ...pairs(numbered('prediction', named!.length, []), named!),
      ...pairs(numbered('probability', probabilities.length, []), probabilities.map(digits)),
    ];
  if (!isEach)
    return [
      ['prediction', named],
      ['probability', digits(Math.max(...probabilities))],
    ];
  return [
    ['prediction', named],
    ...probabilities.map((p, k) => [`probability_${classes?.[k] ?? k}`, digits(p)] as const),
  ];
}

/** A name that the columns do not have yet. */
const unused = (name: string, names: readonly string[]): string =>
  names.includes(name) ? unused(`${name}_`, names) : name;

export interface TextOptions {
  /** Whether the probability of each class is given, rather than that of the predicted one. */
  readonly proba?: boolean | undefined;
  readonly delimiter: string;
}

/**
 * CSV with a header, the input's columns and then the prediction's; for rows that are no table only the prediction's
 * cells, without a header.
 * @param table the input, if it is a table
 * @param example any prediction of the model, which shows its columns if there are no rows
 * @throws StillhouseError USAGE for probabilities of a model that has none
 */
export function predictionsText(
  predictions: readonly Prediction[],
  { table, facts, example = {} }: { table: TextTable | undefined; facts: Facts; example?: Prediction },
  { proba = false, delimiter }: TextOptions,
): string {
  const [first = example] = predictions;
  if (proba && !first.probabilities)
    throw new StillhouseError('USAGE', 'the model predicts numbers, which have no probabilities', {
      next: 'Leave out --proba.',
    });
  const cells = predictions.map((each) => cellsOf(each, facts, proba));
  const lines = cells.map((each, i) => [...(table?.rows[i] ?? []), ...each.map(([, text]) => text)]);
  const header = table
    ? [[...table.header, ...cellsOf(first, facts, proba).map(([name]) => unused(name, table.names))]]
    : [];
  return [...header, ...lines].map((line) => `${csvLine(line, delimiter)}\n`).join('');
}
