// What the suites' test-results.json files say together: counts, times, and what was skipped and why.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const foldersIn = (name) =>
  readdirSync(join(root, name), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map((entry) => join(name, entry.name));

/** Every suite: its folder, and the script that runs it, which is an nx target of the same name. */
const suites = () =>
  [...foldersIn('packages'), 'test'].flatMap((project) => {
    const { scripts = {} } = JSON.parse(readFileSync(join(root, project, 'package.json'), 'utf8'));
    return Object.entries(scripts).flatMap(([target, script]) => {
      const folder = /--outputFile\.json=(\S+)\/test-results\.json/.exec(script)?.[1];
      return folder ? [{ folder, target }] : [];
    });
  });
const resultFile = ({ folder }) => join(root, folder, 'test-results.json');
const hasRun = (suite) => existsSync(resultFile(suite));

/** Counts are those of one run; nx puts the results of cached suites back. */
export function forgetResults() {
  for (const suite of suites()) rmSync(resultFile(suite), { force: true });
}

/** @returns the results of the suites that have run, as vitest's JSON reporter writes them */
const readResults = () =>
  suites()
    .filter(hasRun)
    .map((suite) => ({ suite: suite.folder, results: JSON.parse(readFileSync(resultFile(suite), 'utf8')) }));

/** Folders of suites of these nx targets that have left no results: their process died, or was never started. */
export const suitesWithoutResults = (targets) =>
  suites()
    .filter((suite) => targets.includes(suite.target) && !hasRun(suite))
    .map(({ folder }) => folder);

/** Whether something other than a test failed: a file was not loaded, a hook threw, a process died during its tests. */
const isBroken = ({ status, assertionResults }) => {
  const has = (outcome) => assertionResults.some((each) => each.status === outcome);
  return (status === 'failed' && !has('failed')) || has('pending');
};

/** A file that is broken counts as a failed test. */
export function countTests() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { results } of readResults()) {
    counts.passed += results.numPassedTests;
    counts.failed += results.numFailedTests + results.testResults.filter(isBroken).length;
    counts.skipped += results.numPendingTests + results.numTodoTests;
  }
  return counts;
}

/** Reasons are in the titles of tests, "(skipped without …: how to get it)"; the innermost title knows best. */
export function skippedByReason() {
  const counts = new Map();
  for (const { results } of readResults())
    for (const { assertionResults } of results.testResults.filter((file) => !isBroken(file)))
      for (const { status, fullName } of assertionResults) {
        if (status !== 'skipped' && status !== 'todo') continue;
        const reason = [...fullName.matchAll(/\((skipped [^()]*)\)/g)].at(-1)?.[1] ?? 'skipped';
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
      }
  return counts;
}

/** Seconds of each suite and of each of its files, longest first. */
export function timesOfSuites() {
  const byTime = (a, b) => b.seconds - a.seconds;
  return readResults()
    .map(({ suite, results }) => {
      const files = results.testResults.map(({ name, startTime, endTime, assertionResults }) => ({
        name: relative(root, name),
        tests: assertionResults.length,
        seconds: (endTime - startTime) / 1000,
      }));
      const end = Math.max(results.startTime, ...results.testResults.map(({ endTime }) => endTime));
      return {
        name: suite,
        tests: files.reduce((sum, { tests }) => sum + tests, 0),
        seconds: (end - results.startTime) / 1000,
        files: files.sort(byTime),
      };
    })
    .sort(byTime);
}
