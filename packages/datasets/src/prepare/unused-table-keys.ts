// Keys of data.table that are given and change nothing, because no column and no target of the data takes them.
import type { Recipe } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { isStyled } from '../table/notation.js';
import type { Preprocessing } from '../table/preprocessing.js';

/** As sentences, like those about keys that other keys make useless. */
export function unusedTableKeys(
  { data: { table, targetTransform }, loss }: Pick<Recipe, 'data' | 'loss'>,
  fitted: readonly Preprocessing[],
): string[] {
  if (!table) return [];
  const numbers = fitted.flatMap(({ columns }) => columns.filter(({ type }) => type === 'number'));
  const declared = numbers.map(({ name }) => table.columns[name]);
  const own = declared.flatMap((column) => (typeof column === 'object' && 'number' in column ? column : []));
  const scalesTargets = lossOf(loss).labels === 'numbers' && targetTransform === undefined;
  const isRead = [...numbers, ...fitted.flatMap(({ targets }) => targets)].some(
    (each) => 'notation' in each && isStyled(each.notation),
  );
  const why = {
    missing:
      own.length === numbers.length && own.every(({ missing }) => missing !== undefined)
        ? 'no column of numbers is without a missing of its own'
        : undefined,
    standardize:
      own.length === numbers.length && !scalesTargets ? 'no column and no target is scaled by it' : undefined,
    decimal: isRead ? undefined : 'no text of a number is read by it',
    units: isRead ? undefined : 'no text of a number is read by it',
  };
  const usual: Readonly<Record<string, unknown>> = { missing: 'error', standardize: true };
  return (['missing', 'standardize', 'decimal', 'units'] as const).flatMap((key) =>
    table[key] === usual[key] || why[key] === undefined
      ? []
      : `data.table.${key} is ${JSON.stringify(table[key])}, which changes nothing: ${why[key]}`,
  );
}
