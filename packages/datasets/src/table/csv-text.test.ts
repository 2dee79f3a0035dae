// Rows to predict as bytes: unpacked and decoded, or refused by what they are.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { textOfRows } from './csv-text.js';

const text = '\ufeffa,b\n1,é\n';
const error = (bytes: Uint8Array): unknown => {
  try {
    return textOfRows(bytes, 'rows');
  } catch (cause) {
    return cause;
  }
};

test('text is decoded, gzipped or not', () => {
  // The mark of the encoding is none of the text.
  expect([Buffer.from(text), gzipSync(text), new Uint8Array()].map((bytes) => textOfRows(bytes, 'rows'))).toEqual([
    text.slice(1),
    text.slice(1),
    '',
  ]);
});

test.each<[what: string, bytes: Uint8Array, code: string, message: string]>([
  ['gzip that is cut off', gzipSync(text).subarray(0, 20), 'DATA_TRUNCATED', 'rows is not a complete gzip file'],
  ['Parquet', Buffer.from('PAR1\x15'), 'DATA_FORMAT', 'rows is a Parquet file; CSV is read as text in UTF-8'],
  ['JSON lines', Buffer.from('{"a":1}\n'), 'DATA_FORMAT', 'rows has lines of JSON; CSV is read as text in UTF-8'],
  ['UTF-16', Buffer.from(text, 'utf16le'), 'DATA_FORMAT', 'rows is encoded as UTF-16; CSV is read as text in UTF-8'],
  ['Latin 1', Buffer.from('a\né\n', 'latin1'), 'DATA_FORMAT', 'rows is not encoded as UTF-8'],
])('%s is refused', (_, bytes, code, message) => {
  expect(error(bytes)).toMatchObject({ code, message });
});
