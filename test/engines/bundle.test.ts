// A bundle with TensorFlow's engine computes with it where there is no other.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Scratch, smallRecipe } from '../e2e/cli.js';
import { cache, engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

test.skipIf(!engine)(`a bundle trains with its own engine (${skipped})`, async () => {
  const folder = scratch.path('bundle');
  const options = { env: { STILLHOUSE_CACHE: cache } };
  const made = await scratch.run(['bundle', folder, '--engines', 'tensorflow', '--json'], options);
  expect(made.code, made.stderr).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({ engines: [{ name: 'tensorflow', version: expect.any(String) }] });
  // What it was compiled with stays behind.
  const files = readdirSync(join(folder, 'cache', 'tensorflow'), { recursive: true, encoding: 'utf8' });
  expect(files.some((file) => file.endsWith('graph_session.node'))).toBe(true);
  expect(files.filter((file) => /\.(cc|h)$/.test(file))).toEqual([]);
  const args = ['run', scratch.recipe(smallRecipe()), '--workers', '2', '--backend', 'tensorflow', '--json', '--out'];
  const { status, stdout, stderr } = spawnSync(join(folder, 'stillhouse'), [...args, scratch.out()], {
    cwd: scratch.folder,
    env: { PATH: '/usr/bin:/bin', HOME: scratch.folder },
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('"tensorflow 2.');
});
