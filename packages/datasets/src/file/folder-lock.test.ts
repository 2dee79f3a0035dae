import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { lockFolder } from './folder-lock.js';

const root = mkdtempSync(join(tmpdir(), 'stillhouse-lock-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('one at a time: the second gets the folder when the first has left it', async () => {
  const folder = join(root, 'turns');
  const first = await lockFolder(folder);
  const order: string[] = [];
  const second = lockFolder(folder).then(async (lock) => {
    order.push('second');
    await lock.release();
  });
  order.push('first');
  await first.release();
  await second;
  expect(order).toEqual(['first', 'second']);
  expect(existsSync(folder)).toBe(false);
});

test('who waits too long is told that another process works there, not that the disk is full', async () => {
  const lock = await lockFolder(join(root, 'busy'));
  await expect(lockFolder(join(root, 'busy'), 0)).rejects.toMatchObject({ code: 'DATA_LOCKED' });
  await lock.release();
});

test('the lock of a killed process, on whatever host, is taken over once it has been silent for a while', async () => {
  const folder = join(root, 'killed');
  mkdirSync(`${folder}.lock`);
  const longAgo = Date.now() / 1000 - 60;
  utimesSync(`${folder}.lock`, longAgo, longAgo);
  await (await lockFolder(folder, 0)).release();
  expect(existsSync(`${folder}.lock`)).toBe(false);
});

test('a folder with something in it stays', async () => {
  const folder = join(root, 'kept');
  const lock = await lockFolder(folder);
  writeFileSync(join(folder, 'progress'), '');
  await lock.release();
  expect(existsSync(join(folder, 'progress'))).toBe(true);
});

test('what the file system refuses is not waited for', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(lockFolder(join(root, 'file', 'folder'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});
