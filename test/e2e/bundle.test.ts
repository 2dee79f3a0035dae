// A bundle runs with nothing but itself: packed, moved, unpacked, and started in an empty environment.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RunRecord } from '@stillhouse/core';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

/** What a program prints that has an empty folder for its own and an environment without anything of this machine. */
function runAlone(program: string, args: readonly string[]): string {
  const home = scratch.path('home');
  mkdirSync(home, { recursive: true });
  const env = { PATH: '/usr/bin:/bin', HOME: home };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: home, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
  return stdout;
}

test('an archive is unpacked elsewhere, and trains there what is trained here', async () => {
  const archive = scratch.path('stillhouse.tar');
  const made = await scratch.run(['bundle', archive, '--engines', 'none', '--json']);
  expect(made.code, made.stderr).toBe(0);
  expect(JSON.parse(made.stdout)).toEqual({ path: archive, bytes: statSync(archive).size, engines: [] });
  expect(readdirSync(scratch.folder).filter((name) => name.includes('partial'))).toEqual([]);

  const elsewhere = scratch.path('else where');
  mkdirSync(elsewhere);
  expect(spawnSync('tar', ['-xf', archive, '-C', elsewhere]).status).toBe(0);
  expect(readdirSync(elsewhere)).toEqual(['stillhouse']);
  const folder = join(elsewhere, 'moved');
  renameSync(join(elsewhere, 'stillhouse'), folder);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(files.filter((file) => /\.map$|\.d\.ts$|\.test\.|@stillhouse\/\w+\/src\//.test(file))).toEqual([]);

  const recipe = scratch.recipe(smallRecipe());
  const out = scratch.out();
  const program = join(folder, 'stillhouse');
  const printed = runAlone(program, ['run', recipe, '--workers', '2', '--backend', 'wasm', '--out', out, '--json']);
  const { record } = await scratch.train(recipe, { backend: 'wasm' });
  expect((JSON.parse(printed) as RunRecord).student!.weightsSha256).toBe(record.student!.weightsSha256);
  // Where a link leads to it, and what it keeps.
  expect(runAlone('/bin/sh', ['-c', 'ln -s "$1" link && ./link --version && rm link', 'sh', program])).toMatch(
    /^\d+\./,
  );
  expect(existsSync(join(folder, 'cache', 'prepared'))).toBe(true);
});

test('what is in the way, or not there, is said, and leaves nothing', async () => {
  const present = scratch.write('present.tar.gz', 'mine');
  expect(await scratch.run(['bundle', present])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/OUT_EXISTS/),
  });
  expect(readFileSync(present, 'utf8')).toBe('mine');
  const out = scratch.out();
  expect(await scratch.run(['bundle', out, '--engines', 'webgpu'])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/BACKEND_UNAVAILABLE: the webgpu engine is not installed/),
  });
  expect(await scratch.run(['bundle', out, '--engines', 'gpu'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/USAGE: gpu is not an engine/),
  });
  expect(existsSync(out)).toBe(false);
});
