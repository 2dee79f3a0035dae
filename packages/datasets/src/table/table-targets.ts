// The columns to predict: their names, the classes that they may have, and their numbers on the training rows.
import { limits, type Notation, type Numbers, type TableConfig } from '@stillhouse/core';
import type { LossFacts, TargetScale } from '@stillhouse/core/training';
import type { Selection } from '../row/selection.js';
import type { NumberReading } from '../row/yeo-johnson-lambda.js';
import type { Want } from './column-reading.js';
import { oneSpelling } from './counted-categories.js';
import type { Table } from './table.js';
import { trainingRows } from './training-rows.js';

/** A column to predict, how it is scaled for regression, and how text writes its numbers, if not as 1234.5. */
export type FittedTarget = TargetScale & { readonly name: string; readonly notation?: Notation | undefined };

export const targetsOf = (config: TableConfig): string[] =>
  typeof config.target === 'string' ? [config.target] : config.target;

export const unscaled: TargetScale = { mean: 0, deviation: 1 };

const isNumeric = (text: string): boolean => text !== '' && Number.isFinite(Number(text));

/** What to do about a label that is no number, for a loss that takes numbers. */
export const numberAdvice =
  'Correct the label, or, if labels are names, set loss to softmaxCrossEntropy with an output per name, or to ' +
  'binaryCrossEntropy for two names.';

/** Numbers by their size, other names by the alphabet. */
export const inOrder = (classes: readonly string[]): string[] =>
  classes.every(isNumeric) ? [...classes].sort((a, b) => Number(a) - Number(b)) : [...classes].sort();

/** Whether labels have names, one per output of the model. */
export async function classesOf(
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

/** Numbers of a column on the training rows. */
export const trainingNumbers = (
  table: Table,
  selection: Selection,
  { column, notation, key }: { column: string; notation: Notation | undefined; key: string | undefined },
): NumberReading =>
  async function* () {
    const pass = selection.pass();
    const wants: Want[] = [{ column, as: 'number', notation, advice: numberAdvice }];
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
