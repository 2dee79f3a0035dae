// Files that are cut off, in another encoding, or of another kind than their name says, are refused by what they are.
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { failure, load, rowsOf, useFolder, write, type Data } from './prepare.test.fixture.js';

useFolder();

const set = (large: Data['large']): Data => ({ large, test: large, table: { target: 'y', standardize: false } });
const text = 'a,y\n1,2\n3,4\n';

describe('gzip', () => {
  const rows = (row: (i: number) => string): Buffer =>
    gzipSync(Array.from({ length: 50_000 }, (_, i) => row((i * 7919) % 10_007)).join(''));
  const long = gzipSync(`a,y\n${Array.from({ length: 50_000 }, (_, i) => `${(i * 7919) % 10_007},${i}\n`).join('')}`);

  test('that is cut off or damaged is refused, in CSV, JSON lines and SQL', async () => {
    const cut = write(long.subarray(0, 60_000), '.csv.gz');
    const damaged = Buffer.from(long);
    damaged[damaged.length - 6] ^= 1;
    const lines = rows((i) => `{"a":${i},"y":${i}}\n`);
    for (const large of [
      { csv: cut },
      { csv: write(damaged, '.csv.gz') },
      { csv: write(text, '.csv.gz') },
      { jsonl: write(lines.subarray(0, 60_000), '.jsonl.gz') },
      { sql: `select * from '${cut}'` },
    ])
      expect(await failure(() => load(set(large)))).toMatchObject({ code: 'DATA_TRUNCATED' });
  });

  test('of several members is read to its end', async () => {
    const large = { csv: write(Buffer.concat([gzipSync('a,y\n1,2\n'), gzipSync('3,4\n')]), '.csv.gz') };
    expect([...(await rowsOf(await load(set(large)), 'large')).x]).toEqual([1, 3]);
  });
});

test.each<[what: string, bytes: Uint8Array, message: RegExp]>([
  ['gzip', gzipSync(text), /is gzipped/],
  ['zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4), /is compressed by zstd/],
  ['a workbook', Buffer.from('PK\x03\x04'), /is a ZIP archive or a workbook/],
  ['Parquet', Buffer.from('PAR1\x15'), /is a Parquet file/],
  ['UTF-16', Buffer.from(`\ufeff${text}`, 'utf16le'), /is encoded as UTF-16/],
  ['UTF-16 without its mark', Buffer.from(text, 'utf16le'), /has bytes that are zero/],
  ['Latin 1 in its header', Buffer.from('pr\xe9,y\n1,2\n', 'latin1'), /is not encoded as UTF-8/],
  ['Latin 1 in a cell', Buffer.from('a,y\n1,2\ncaf\xe9,3\n', 'latin1'), /, line 3, is not encoded as UTF-8/],
])('%s that is named CSV', async (_, bytes, message) => {
  expect(await failure(() => load(set({ csv: write(bytes, '.csv') })))).toMatchObject({
    code: 'DATA_FORMAT',
    message: expect.stringMatching(message),
  });
});
