// Blocks that are spoilt or gone while a run goes on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { limits } from '@stillhouse/core';
import { BlockFolder, sha256 } from '@stillhouse/datasets';
import { RepairedBlocks } from './repaired-blocks.js';

const bytes = Uint8Array.of(1, 2, 3);
const hash = sha256(bytes);
let folder: BlockFolder;
let reasons: string[];
let repairs: number;

beforeEach(() => {
  folder = new BlockFolder(mkdtempSync(join(tmpdir(), 'stillhouse-blocks-')));
  [reasons, repairs] = [[], 0];
});
afterEach(() => rmSync(folder.path, { recursive: true, force: true }));

/** @param prepared what the sources give by now */
const blocksOf = (prepared: () => void): RepairedBlocks =>
  new RepairedBlocks(
    folder,
    [hash],
    async () => {
      repairs += 1;
      prepared();
    },
    (why) => reasons.push(why),
  );
const whole = (): void => folder.write(hash, bytes);
const spoilt = (): void => writeFileSync(folder.file(hash), 'something else');

test('a block that is there is handed out as it is', async () => {
  whole();
  expect([...(await blocksOf(whole).read(hash))!]).toEqual([...bytes]);
  expect([repairs, reasons]).toEqual([0, []]);
});

test('a block of another run is not looked for', async () => {
  expect(await blocksOf(whole).read('0'.repeat(64))).toBeUndefined();
  expect(repairs).toBe(0);
});

test.each([
  ['gone', () => {}, 'is missing'],
  ['spoilt', spoilt, 'does not contain the bytes that were written'],
])('a block that is %s is prepared again, and the reason is reported', async (_, happen, why) => {
  happen();
  expect([...(await blocksOf(whole).read(hash))!]).toEqual([...bytes]);
  expect(repairs).toBe(1);
  expect(reasons).toEqual([expect.stringContaining(why)]);
  expect(reasons[0]).toContain(folder.file(hash));
});

test('several that find the same block gone wait for one repair', async () => {
  const blocks = blocksOf(whole);
  const read = await Promise.all([blocks.read(hash), blocks.read(hash), blocks.read(hash)]);
  expect(read.map((each) => [...each!])).toEqual([[...bytes], [...bytes], [...bytes]]);
  expect(repairs).toBe(1);
});

test('a disk that spoils a block again and again is given up', async () => {
  await expect(blocksOf(spoilt).read(hash)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' });
  expect(repairs).toBe(limits.blockRepairs);
});

test('sources that have changed end the wait with their own error', async () => {
  const failing = blocksOf(() => {
    throw new Error('the data have changed');
  });
  await expect(failing.read(hash)).rejects.toThrow('the data have changed');
});
