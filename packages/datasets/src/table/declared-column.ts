// What a recipe declares for a column, whatever the column is called.
import type { ColumnConfig, TableConfig } from '@stillhouse/core';

/** Undefined if it declares nothing, also for a column with the name of something that every object has. */
export const declaredFor = ({ columns }: TableConfig, name: string): ColumnConfig | undefined =>
  Object.hasOwn(columns, name) ? columns[name] : undefined;
