// Blocks from disk and network, spoilt on either; a cache that is bounded, and a disk that is full.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { limits } from '@stillhouse/core';
import { BlockCache, BlockFolder, sha256 } from '@stillhouse/datasets';
import { BlockSupply, type BlockSupplyOptions } from './supply.js';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'stillhouse-supply-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const blockOf = (value: number, bytes = 1000): { hash: string; bytes: Uint8Array } => {
  const block = new Uint8Array(bytes).fill(value);
  return { hash: sha256(block), bytes: block };
};
/** A supply whose coordinator answers by itself, unless it names a peer. */
const supplyOf = (
  network: (hash: string) => Promise<Uint8Array>,
  options: Partial<BlockSupplyOptions> = {},
): BlockSupply =>
  new BlockSupply({
    local: [],
    coordinator: { fetch: network, locate: async (hash) => ({ bytes: await network(hash) }) },
    peers: { fetch: () => Promise.reject(new Error('asked a peer')) },
    cache: undefined,
    log: () => {},
    ...options,
  });
const spoilt = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === 7 ? byte ^ 1 : byte));

test('a block that was spoilt on the way is fetched again, and named; after some tries it is an error', async () => {
  const { hash, bytes } = blockOf(1);
  const said: string[] = [];
  let asked = 0;
  const once = async (): Promise<Uint8Array> => (asked++ === 0 ? spoilt(bytes) : bytes);
  expect(await supplyOf(once, { log: (text) => said.push(text) }).fetch(hash)).toEqual(bytes);
  expect(said).toEqual([
    expect.stringContaining(`block ${hash.slice(0, 12)} arrived from the coordinator with bytes that do not match`),
  ]);
  let tries = 0;
  await expect(supplyOf(async () => (tries++, spoilt(bytes))).fetch(hash)).rejects.toMatchObject({
    code: 'BLOCK_CORRUPT',
  });
  expect(tries).toBe(limits.blockTries);
});

test.each([
  ['has it', (bytes: Uint8Array) => bytes, 'workers', []],
  ['has it no more', () => undefined, 'coordinator', []],
  [
    'has it with other bytes',
    spoilt,
    'coordinator',
    [expect.stringContaining('arrived from ws://peer:1 with bytes that do not match')],
  ],
] as const)('a peer that %s', async (_, answer, from, expected) => {
  const { hash, bytes } = blockOf(7);
  const said: string[] = [];
  const supply = supplyOf(async () => bytes, {
    coordinator: { fetch: async () => bytes, locate: async () => ({ at: 'ws://peer:1' }) },
    peers: { fetch: async () => answer(bytes) },
    log: (text) => said.push(text),
  });
  expect(await supply.fetch(hash)).toEqual(bytes);
  expect(supply.counts).toEqual({ disk: 0, workers: 0, coordinator: 0, [from]: 1 });
  expect(said).toEqual(expected);
});

test('a block that is spoilt on disk is named, fetched again, and whole in the cache from then on', async () => {
  const { hash, bytes } = blockOf(2);
  const said: string[] = [];
  const path = join(folder, 'spoilt');
  const cache = new BlockCache(path, 1e6, () => {});
  cache.keep(hash, bytes);
  writeFileSync(join(path, hash), spoilt(bytes));
  let asked = 0;
  const supply = supplyOf(async () => (asked++, bytes), { local: [cache], cache, log: (text) => said.push(text) });
  expect(await supply.fetch(hash)).toEqual(bytes);
  expect(said[0]).toContain(join(path, hash));
  expect(new Uint8Array(readFileSync(join(path, hash)))).toEqual(bytes);
  await supply.fetch(hash);
  expect(asked).toBe(1);
});

test('a folder that is shared is read first, and never written', async () => {
  const { hash, bytes } = blockOf(3);
  const shared = new BlockFolder(join(folder, 'shared'));
  const nowhere = new BlockFolder(join(folder, 'nowhere'));
  shared.write(hash, bytes);
  const supply = supplyOf(() => Promise.reject(new Error('asked the network')), { local: [nowhere, shared] });
  expect(new Uint8Array(await supply.fetch(hash))).toEqual(bytes);
  expect(existsSync(nowhere.path)).toBe(false);
});

test('a cache keeps so many bytes, the newest, and counts what it finds', async () => {
  const path = join(folder, 'bounded');
  const blocks = [1, 2, 3, 4, 5].map((value) => blockOf(value));
  const cache = new BlockCache(path, 3000, () => {});
  for (const { hash, bytes } of blocks) cache.keep(hash, bytes);
  expect(readdirSync(path).sort()).toEqual(
    blocks
      .slice(2)
      .map(({ hash }) => hash)
      .sort(),
  );
  const again = new BlockCache(path, 3000, () => {});
  again.keep(blocks[0].hash, blocks[0].bytes);
  expect(readdirSync(path)).toHaveLength(3);
  expect(await again.read(blocks[1].hash)).toBeUndefined();
});

test('a cache that cannot be written says so once, and costs nothing but the cache', async () => {
  const said: string[] = [];
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  chmodSync(file, 0o400);
  const cache = new BlockCache(join(file, 'inside'), 1e6, (text) => said.push(text));
  const { hash, bytes } = blockOf(6);
  const supply = supplyOf(async () => bytes, { local: [cache], cache });
  expect(await supply.fetch(hash)).toEqual(bytes);
  expect(await supply.fetch(hash)).toEqual(bytes);
  expect(said).toEqual([expect.stringContaining('cannot be written')]);
});

test('who wants a block that is on its way waits for it; later it is fetched again', async () => {
  const { hash, bytes } = blockOf(8);
  let asked = 0;
  const supply = supplyOf(async () => (asked++, bytes));
  expect(await Promise.all([supply.fetch(hash), supply.fetch(hash)])).toEqual([bytes, bytes]);
  expect(asked).toBe(1);
  await supply.fetch(hash);
  expect(asked).toBe(2);
});

test('a few blocks at a time, in the order in which they are asked for', async () => {
  let [running, most] = [0, 0];
  const order: string[] = [];
  const blocks = Array.from({ length: 20 }, (_, i) => blockOf(i));
  const supply = supplyOf(async (hash) => {
    order.push(hash);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    return blocks.find((block) => block.hash === hash)!.bytes;
  });
  await Promise.all(blocks.map(({ hash }) => supply.fetch(hash)));
  expect(most).toBe(limits.blocksAtOnce);
  expect(order).toEqual(blocks.map(({ hash }) => hash));
});
