// CSV files as one table: all have the same header, and every cell is text until it is requested.
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { messageOf, StillhouseError } from '@stillhouse/core';
import type { TableReader } from './duckdb.js';
import { listed, quoted, type Table } from './table.js';

const headerBytes = 1024 * 1024;

/** @throws StillhouseError DATA_… */
export async function csvTable(
  files: readonly string[],
  { what, delimiter }: { what: string; delimiter: string },
  tables: TableReader,
): Promise<Table> {
  return tables.open(what, await csvRelation(files, delimiter));
}

async function csvRelation(files: readonly string[], delimiter: string): Promise<string> {
  const header = await csvHeader(files[0], delimiter);
  for (const file of files.slice(1)) {
    const other = await csvHeader(file, delimiter);
    if (other.join('\n') !== header.join('\n'))
      throw new StillhouseError(
        'DATA_COLUMN',
        `${file} has the columns ${other.join(', ')}, but ${files[0]} has ${header.join(', ')}`,
      );
  }
  const columns = header.map((name) => `${quoted(name)}: 'VARCHAR'`).join(', ');
  return (
    `read_csv(${listed(files)}, columns = {${columns}}, header = true, auto_detect = false, delim = ` +
    `${quoted(delimiter)}, quote = '"', escape = '"', strict_mode = true)`
  );
}

/** The names in a CSV file's first line. */
async function csvHeader(file: string, delimiter: string): Promise<string[]> {
  const raw = createReadStream(file, { end: headerBytes });
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw) {
      parts.push(part as Buffer);
      bytes += (part as Buffer).length;
      if (bytes >= headerBytes || (part as Buffer).includes(10)) break;
    }
  } catch (cause) {
    // The part that was read before the error is enough.
    if (bytes === 0) throw new StillhouseError('DATA_TRUNCATED', `${file} is not a complete gzip file`, { cause });
  } finally {
    raw.destroy();
  }
  let records: string[][];
  try {
    records = parse(Buffer.concat(parts), { bom: true, delimiter, to: 1, relax_column_count: true });
  } catch (cause) {
    throw new StillhouseError('DATA_FORMAT', `${file}: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (records.length === 0) throw new StillhouseError('DATA_EMPTY', `${file} is empty: it has no header`);
  const header = records[0].map((name) => name.trim());
  const twice = header.find((name, i) => header.findIndex((other) => other.toLowerCase() === name.toLowerCase()) !== i);
  if (twice !== undefined)
    throw new StillhouseError('DATA_COLUMN', `${file} has two columns named ${JSON.stringify(twice)}`);
  return header;
}
