// CSV files as one table: every cell is text until it is requested.
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { columnNamesOf, messageOf, StillhouseError } from '@stillhouse/core';
import { refuseOtherEncoding, refuseOtherThanText } from './csv-text.js';
import type { TableReader } from './duckdb.js';
import { isGzipName, refuseCutGzip } from './gzip-file.js';
import { listed, named, quoted } from './sql-text.js';
import type { Table } from './table.js';

const headerBytes = 1024 * 1024;

/** @throws StillhouseError DATA_… */
export async function csvTable(
  files: readonly string[],
  { what, delimiter }: { what: string; delimiter: string },
  tables: TableReader,
): Promise<Table> {
  const headers = new Map<string, string[]>();
  const unnamed = new Set<string>();
  for (const file of files) {
    await refuseCutGzip(file);
    const header = await csvHeader(file, delimiter);
    const names = columnNamesOf(header);
    names.forEach((name, i) => {
      if (header[i] === '') unnamed.add(name);
    });
    const twice = names.find((name, i) => names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) !== i);
    if (twice !== undefined)
      throw new StillhouseError('DATA_COLUMN', `${file} has two columns named ${JSON.stringify(twice)}`);
    headers.set(file, names);
  }
  return tables.openFiles(files, {
    what,
    unnamed: [...unnamed],
    columnsOf: (file) => headers.get(file)!.map((name) => ({ name, sqlType: 'VARCHAR' })),
    relationOf: (some) => {
      const columns = headers.get(some[0])!.map((name) => `${named(name)}: 'VARCHAR'`);
      return (
        `read_csv(${listed(some)}, columns = {${columns.join(', ')}}, header = true, auto_detect = false, delim = ` +
        `${quoted(delimiter)}, quote = '"', escape = '"', strict_mode = true, hive_partitioning = false)`
      );
    },
  });
}

/** The cells of a CSV file's first line. */
async function csvHeader(file: string, delimiter: string): Promise<string[]> {
  const raw = createReadStream(file, { end: headerBytes });
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of isGzipName(file) ? raw.pipe(createGunzip()) : raw) {
      parts.push(part as Buffer);
      bytes += (part as Buffer).length;
      if (bytes >= headerBytes || (part as Buffer).includes(10)) break;
    }
  } finally {
    raw.destroy();
  }
  const head = Buffer.concat(parts);
  refuseOtherThanText(file, head);
  refuseOtherEncoding(file, head);
  let records: string[][];
  try {
    records = parse(head, { bom: true, delimiter, to: 1, relax_column_count: true });
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${file}: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (records.length === 0) throw new StillhouseError('DATA_EMPTY', `${file} is empty: it has no header`);
  return records[0].map((name) => name.trim());
}
