// Parquet files.
import type { SourceConfigOf } from '@stillhouse/core';
import { parquetFiles } from '../table/parquet.js';
import { namesOf } from './names-of.js';
import { defineSource } from './source.js';

export const parquet = defineSource<SourceConfigOf<'parquet'>>({
  files: (config, { findAll }) => findAll(config.parquet),
  isRepeatable: () => true,
  byName: (path, { name }) => (/\.(parquet|pq)$/.test(name) ? { parquet: path } : undefined),
  async open(config, { findAll, tables }) {
    const files = findAll(config.parquet);
    return { type: 'table', table: await tables.openFiles(files, parquetFiles(namesOf(files, config.parquet))) };
  },
});
