// Whether bytes can be the beginning of a CSV file: text in UTF-8. What they are instead, as far as they show it.
import { gunzipSync } from 'node:zlib';
import { StillhouseError } from '@stillhouse/core';
import { notWholeGzip } from './gzip-file.js';

/** First bytes of other kinds of files, what they are, and what to do. */
const others: readonly (readonly [bytes: readonly number[], what: string, next: string])[] = [
  [[0x1f, 0x8b], 'is gzipped', 'Let its name end in .gz, or unpack it.'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'is compressed by zstd', 'Unpack it, or compress it by gzip.'],
  [[0x42, 0x5a, 0x68], 'is compressed by bzip2', 'Unpack it, or compress it by gzip.'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'is compressed by xz', 'Unpack it, or compress it by gzip.'],
  [[0x50, 0x4b, 3, 4], 'is a ZIP archive or a workbook', 'Unpack it, or export the sheet as CSV in UTF-8.'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'is a workbook', 'Export the sheet as CSV in UTF-8.'],
  [[0x50, 0x41, 0x52, 0x31], 'is a Parquet file', 'Name it as parquet: in the recipe.'],
  [[0x7b, 0x22], 'has lines of JSON', 'Name it as jsonl: in the recipe.'],
  [[0xff, 0xfe], 'is encoded as UTF-16', 'Convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8.'],
  [[0xfe, 0xff], 'is encoded as UTF-16', 'Convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8.'],
];

/**
 * @param head beginning of a file, unpacked
 * @param advice what to do, if it is not the same as for a file that a recipe names
 * @throws StillhouseError DATA_FORMAT
 */
export function refuseOtherThanText(file: string, head: Uint8Array, advice?: string): void {
  const refused = (what: string, next: string): StillhouseError =>
    new StillhouseError('DATA_FORMAT', `${file} ${what}; CSV is read as text in UTF-8`, { next: advice ?? next });
  const found = others.find(([bytes]) => bytes.every((byte, i) => head[i] === byte));
  if (found) throw refused(found[1], found[2]);
  if (head.includes(0))
    throw refused('has bytes that are zero, as UTF-16 and binary files have', 'Convert it to UTF-8.');
}

export const notUnicode = (what: string, cause?: unknown): StillhouseError =>
  new StillhouseError('DATA_FORMAT', `${what} is not encoded as UTF-8`, {
    cause,
    next: 'Convert it to UTF-8, for example with iconv -f WINDOWS-1252 -t UTF-8.',
  });

/** @throws StillhouseError DATA_FORMAT if the first line is not UTF-8 */
export function refuseOtherEncoding(file: string, head: Uint8Array): void {
  const end = head.indexOf(10);
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head.subarray(0, end < 0 ? head.length : end));
  } catch (cause) {
    // The bytes that were read of a very long line may end within a character.
    if (end >= 0) throw notUnicode(file, cause);
  }
}

/**
 * Rows to predict as text: CSV, gzipped or not.
 * @param what names them in errors
 * @throws StillhouseError DATA_FORMAT, DATA_TRUNCATED
 */
export function textOfRows(bytes: Uint8Array, what: string): string {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isPacked ? unpacked(bytes, what) : bytes;
  refuseOtherThanText(
    what,
    plain,
    'Give the rows as CSV in UTF-8, with a header if they are a table; gzip is unpacked.',
  );
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    throw notUnicode(what, cause);
  }
}

function unpacked(bytes: Uint8Array, what: string): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw notWholeGzip(what, cause);
  }
}
