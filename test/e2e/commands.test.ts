// How `npm test` and its stages end: counts of all suites in the last line, and an exit code that fits them. nx and npm
// are stand-ins, which leave what a plan says.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { root, Scratch } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

interface Suite {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** What vitest's JSON reporter writes of a suite with one file. */
function suite(...statuses: string[]): Suite {
  const count = (status: string): number => statuses.filter((each) => each === status).length;
  const assertionResults = statuses.map((status) => ({
    status,
    fullName: 'tests (skipped without that: get that) of it (skipped without it: get it)',
  }));
  return {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('skipped'),
    numTodoTests: 0,
    testResults: [{ status: count('failed') ? 'failed' : 'passed', assertionResults }],
  };
}
const withFailedHook = (results: Suite): Suite => ({
  ...results,
  testResults: results.testResults.map((file) => ({ ...file, status: 'failed' })),
});

let folder: string;
const put = (path: string, content: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
};
const manifest = (target: string, results: string): string =>
  JSON.stringify({ scripts: { [target]: `vitest --outputFile.json=${results}/test-results.json` } });

beforeEach(() => {
  folder = scratch.out();
  for (const name of ['bootstrap.mjs', 'test-results.mjs'])
    cpSync(join(root, 'scripts', name), join(folder, 'scripts', name));
  put('packages/one/package.json', manifest('unit', 'packages/one'));
  put('packages/two/package.json', manifest('unit', 'packages/two'));
  put('test/package.json', manifest('e2e', 'test/e2e'));
  put('bin/npm', '#!/bin/sh\n');
  chmodSync(join(folder, 'bin/npm'), 0o755);
  put(
    'node_modules/nx/dist/bin/nx.js',
    `const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
    const { status, results } = JSON.parse(readFileSync('plan.json', 'utf8'));
    for (const [suite, result] of Object.entries(results)) {
      mkdirSync(suite, { recursive: true });
      writeFileSync(suite + '/test-results.json', JSON.stringify(result));
    }
    process.exit(status);`,
  );
});

function run(command: string, status: number, results: Record<string, Suite>): { code: number | null; text: string } {
  put('plan.json', JSON.stringify({ status, results }));
  const ended = spawnSync(process.execPath, ['scripts/bootstrap.mjs', command], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` },
  });
  return { code: ended.status, text: ended.stdout + ended.stderr };
}

const good = { 'packages/one': suite('passed', 'passed'), 'packages/two': suite('passed') };

test.each<[string, number, Record<string, Suite>, number, RegExp]>([
  ['all pass', 0, good, 0, /^\n3 passed, 0 failed\n$/],
  [
    'some are skipped: how to have them run',
    0,
    { ...good, 'packages/two': suite('passed', 'skipped') },
    0,
    /^1 skipped without it: get it\n\n3 passed, 0 failed, 1 skipped\n$/,
  ],
  ['one fails', 1, { ...good, 'packages/two': suite('failed') }, 1, /\n2 passed, 1 failed\n$/],
  ['none has passed', 0, { 'packages/one': suite(), 'packages/two': suite() }, 1, /\n0 passed, 0 failed\n$/],
  [
    'a hook fails, after which vitest skips the tests of its file',
    1,
    { ...good, 'packages/two': withFailedHook(suite('skipped')) },
    1,
    /^\n2 passed, 1 failed, 1 skipped\n$/,
  ],
  [
    'the process of a file dies',
    1,
    { ...good, 'packages/two': suite('pending', 'pending') },
    1,
    /^\n2 passed, 1 failed\n$/,
  ],
  [
    'the process of a suite dies',
    1,
    { 'packages/one': suite('passed') },
    1,
    /^packages\/two left no results; the output above says why\.\n\n1 passed, 1 failed\n$/,
  ],
  [
    'a build fails',
    1,
    good,
    1,
    /^Something other than a test failed; the output above says what\.\n\n3 passed, 0 failed\n$/,
  ],
])('npm run unit, %s', (_, status, results, code, text) => {
  const ended = run('unit', status, results);
  expect(ended.text).toMatch(text);
  expect(ended.code).toBe(code);
});

test('npm test counts the suites of every stage; those of an earlier run do not count', () => {
  const all = { ...good, 'test/e2e': suite('passed') };
  expect(run('test', 0, all)).toEqual({ code: 0, text: '\n4 passed, 0 failed\n' });
  expect(run('test', 0, good)).toEqual({
    code: 1,
    text: 'test/e2e left no results; the output above says why.\n\n3 passed, 1 failed\n',
  });
});
