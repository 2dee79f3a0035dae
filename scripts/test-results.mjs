// What the suites' test-results.json files say together: counts, times, and what was skipped and why.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const foldersIn = (name) =>
  readdirSync(join(root, name), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map((entry) => join(name, entry.name));

/** Folders that each hold one suite. */
const suites = () => [...foldersIn('packages'), ...foldersIn('test')];
const resultFile = (suite) => join(root, suite, 'test-results.json');

/** Counts are those of one run; nx puts the results of cached suites back. */
export function forgetResults() {
  for (const suite of suites()) rmSync(resultFile(suite), { force: true });
}

/** @returns the results of the suites that have run, as vitest's JSON reporter writes them */
export const readResults = () =>
  suites()
    .filter((suite) => existsSync(resultFile(suite)))
    .map((suite) => ({ suite, results: JSON.parse(readFileSync(resultFile(suite), 'utf8')) }));

/** A file that could not even be loaded counts as a failed test. */
export function countTests() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { results } of readResults()) {
    counts.passed += results.numPassedTests;
    counts.failed +=
      results.numFailedTests +
      results.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    counts.skipped += results.numPendingTests + results.numTodoTests;
  }
  return counts;
}

/** Reasons are in the titles of tests: "(skipped without …: how to get it)". */
export function skippedByReason() {
  const counts = new Map();
  for (const { results } of readResults())
    for (const { assertionResults } of results.testResults)
      for (const { status, fullName } of assertionResults) {
        if (status === 'passed' || status === 'failed') continue;
        const reason = /\((skipped .*)\)/.exec(fullName)?.[1] ?? 'skipped';
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
