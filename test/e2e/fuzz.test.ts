// Damaged files of every format, and frames of hostile peers; `npm run fuzz` tries more of both.
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

test('frames of hostile peers crash, freeze and end nothing, and none is accepted that messages do not allow', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(root, 'test/fuzz/main.ts'), '--frames', '100000'],
    { cwd: root, encoding: 'utf8' },
  );
  expect(`${stdout}${stderr}`).toMatch(/^100000 frames: .* 0 problems$/m);
  expect(status).toBe(0);
});
