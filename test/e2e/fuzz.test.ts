// Damaged files of every format; `npm run fuzz` tries thousands.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './cli.js';

test('damaged files are read or refused with a code: no crash, no bug, no hang', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(root, 'test/fuzz/main.ts'), '--inputs', '195', '--from', '100000'],
    { cwd: root, encoding: 'utf8' },
  );
  expect(`${stdout}${stderr}`).toMatch(/195 inputs, 0 problems/);
  expect(status).toBe(0);
});
