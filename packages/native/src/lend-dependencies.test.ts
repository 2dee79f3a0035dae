// Packages of an engine in a folder that is reached through a link, as a user's cache folder may be.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { lendDependencies } from './lend-dependencies.js';

const require = createRequire(import.meta.url);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'stillhouse-lend-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function engineAt(name: string): string {
  const engine = join(folder, name);
  mkdirSync(engine);
  writeFileSync(join(engine, 'index.cjs'), "module.exports = require('zod');");
  return engine;
}

test('an engine in a folder behind a link uses the packages of this process', () => {
  const link = join(folder, 'link');
  symlinkSync(engineAt('real'), link);
  lendDependencies(link);
  expect(require(join(link, 'index.cjs'))).toBe(require('zod'));
});

test('the packages of a folder whose name only begins the same are left alone', () => {
  lendDependencies(engineAt('engine'));
  const other = engineAt('engine-2');
  expect(() => require(join(other, 'index.cjs')) as unknown).toThrow(/Cannot find module 'zod'/);
});
