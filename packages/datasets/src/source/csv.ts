// CSV files with a header.
import type { SourceConfigOf } from '@stillhouse/core';
import { csvTable } from '../table/csv.js';
import { namesOf } from './names-of.js';
import { defineSource } from './source.js';

export const csv = defineSource<SourceConfigOf<'csv'>>({
  files: (config, { findAll }) => findAll(config.csv),
  isRepeatable: () => true,
  byName: (path, { name }) => (name.endsWith('.csv') ? { csv: path } : undefined),
  async open(config, { findAll, table, tables }) {
    const files = findAll(config.csv);
    const what = namesOf(files, config.csv);
    return { type: 'table', table: await csvTable(files, { what, delimiter: table!.delimiter }, tables) };
  },
});
