import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeWhole } from './write-whole.js';

const root = mkdtempSync(join(tmpdir(), 'stillhouse-write-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each([true, false])(
  'the new content takes the place of the old, and nothing else is left (synced: %s)',
  (isSynced) => {
    const folder = mkdtempSync(join(root, 'whole-'));
    const path = join(folder, 'secrets.json');
    writeFileSync(path, 'old');
    writeWhole(path, 'new', { mode: 0o600, isSynced });
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['secrets.json']);
  },
);

test('a write that fails leaves neither a file nor a part of one', () => {
  const folder = mkdtempSync(join(root, 'failed-'));
  // A folder cannot be replaced by a file.
  mkdirSync(join(folder, 'taken'));
  expect(() => writeWhole(join(folder, 'taken'), 'new')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(['taken']);
});
