// A DuckDB query over files.
import { resolve } from 'node:path';
import { globSync } from 'tinyglobby';
import type { SourceConfigOf } from '@stillhouse/core';
import { defineSource } from './source.js';

const queryOf = ({ sql }: SourceConfigOf<'sql'>): string => sql.trim().replace(/;+$/, '');

export const sql = defineSource<SourceConfigOf<'sql'>>({
  files: async (config, { folder, tables }) =>
    (await tables.filesIn(queryOf(config))).flatMap((pattern) =>
      globSync(resolve(folder, pattern), { absolute: true, dot: true }).sort(),
    ),
  // The rows of a query have no order, unless it has an order by.
  isRepeatable: () => false,
  open: async (config, { tables }) => ({ type: 'table', table: await tables.openQuery('data.sql', queryOf(config)) }),
});
