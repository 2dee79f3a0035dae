// Files with one JSON object per line.
import type { SourceConfigOf } from '@stillhouse/core';
import { refuseCutGzip } from '../table/gzip-file.js';
import { jsonLines } from '../table/json-lines.js';
import { namesOf } from './names-of.js';
import { defineSource } from './source.js';

export const jsonl = defineSource<SourceConfigOf<'jsonl'>>({
  files: (config, { findAll }) => findAll(config.jsonl),
  isRepeatable: () => true,
  byName: (path, { name }) => (/\.(jsonl|ndjson)$/.test(name) ? { jsonl: path } : undefined),
  async open(config, { findAll, tables }) {
    const files = findAll(config.jsonl);
    for (const file of files) await refuseCutGzip(file);
    const what = namesOf(files, config.jsonl);
    return { type: 'table', table: await tables.openFiles(files, jsonLines(what)) };
  },
});
