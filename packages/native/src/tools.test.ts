// A step of an installation that a terminal ends is no failure of the tool.
import { expect, test } from 'vitest';
import { runStep } from './tools.js';

const ending = (how: string): unknown => {
  try {
    return runStep(process.execPath, ['--eval', how]).status;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test.each([
  ['process.kill(process.pid, "SIGINT")', 'INTERRUPTED'],
  ['process.exit(130)', 'INTERRUPTED'],
  ['console.error("ERROR: Operation cancelled by user"); process.exit(1)', 'INTERRUPTED'],
  ['process.exit(1)', 1],
  ['', 0],
])('%s', (how, expected) => {
  expect(ending(how)).toBe(expected);
});
