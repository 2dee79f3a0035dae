// A DuckDB query over files.
import { resolve } from 'node:path';
import { globSync } from 'tinyglobby';
import type { SourceConfigOf } from '@stillhouse/core';
import { refuseCutGzip } from '../table/gzip-file.js';
import { defineSource, type SourceContext } from './source.js';

const queryOf = ({ sql }: SourceConfigOf<'sql'>): string => sql.trim().replace(/;+$/, '');

const filesOf = async (
  config: SourceConfigOf<'sql'>,
  { folder, tables }: Pick<SourceContext, 'folder' | 'tables'>,
): Promise<string[]> =>
  (await tables.filesIn(queryOf(config))).flatMap((pattern) =>
    globSync(resolve(folder, pattern), { absolute: true, dot: true }).sort(),
  );

export const sql = defineSource<SourceConfigOf<'sql'>>({
  files: filesOf,
  // The rows of a query have no order, unless it has an order by.
  isRepeatable: () => false,
  async open(config, context) {
    const { tables } = context;
    for (const file of await filesOf(config, context)) await refuseCutGzip(file);
    return { type: 'table', table: await tables.openQuery('data.sql', queryOf(config)) };
  },
});
