// Whether gzipped files are whole: DuckDB reads one that is cut off as if it ended there.
import { createReadStream } from 'node:fs';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { StillhouseError } from '@stillhouse/core';

export const isGzipName = (file: string): boolean => file.endsWith('.gz');

export const notWholeGzip = (what: string, cause: unknown): StillhouseError =>
  new StillhouseError('DATA_TRUNCATED', `${what} is not a complete gzip file`, { cause });

/**
 * Reads a gzipped file to its end, where its length and checksum are; does nothing for other files.
 * @throws StillhouseError DATA_TRUNCATED
 */
export async function refuseCutGzip(file: string): Promise<void> {
  if (!isGzipName(file)) return;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    await pipeline(createReadStream(file), createGunzip(), nowhere);
  } catch (cause) {
    throw notWholeGzip(file, cause);
  }
}
