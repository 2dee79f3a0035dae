// Columns that a recipe names and a table lacks: all of them, where the recipe names them, with the nearest names.
import { formatPath, spellingOf, StillhouseError, type Path } from '@stillhouse/core';
import type { Table } from './table.js';

/** A column with the part of the recipe that names it. */
export interface NamedColumn {
  readonly name: string;
  readonly path: Path;
}

/** @throws StillhouseError DATA_COLUMN */
export function refuseAbsent({ what, columns }: Table, absent: readonly NamedColumn[]): void {
  const [first] = absent;
  if (!first) return;
  const names = columns.map(({ name }) => name);
  const unique = [...new Set(absent.map(({ name }) => name))];
  const nearest = unique.map((name) => spellingOf(name, names));
  const shown = unique.map((name, i) => {
    const near = nearest[i];
    return `${JSON.stringify(name)}${near === undefined ? '' : ` (the nearest is ${near})`}`;
  });
  throw new StillhouseError(
    'DATA_COLUMN',
    `${formatPath(first.path)}: ${what} has no column ${shown.join(' and no column ')}; it has ${names.join(', ')}`,
    nearest.some((near) => near !== undefined) ? { next: 'Write the name as the header does.' } : {},
  );
}
