import { expect, test } from 'vitest';
import { reasonOf } from './try-engine.js';

test('why an engine does not work: what it threw, or how its process ended and what it said last', () => {
  const stderr = 'file.js:1\n  throw\n\nError: Dawn finds no GPU\n    at load (file.js:1)\n';
  expect(reasonOf({ status: 1, signal: null, stderr })).toBe('Dawn finds no GPU');
  expect(reasonOf({ status: null, signal: 'SIGILL', stderr: '' })).toBe('killed by SIGILL');
  expect(reasonOf({ status: null, signal: 'SIGABRT', stderr: 'one\nF0000 built with AVX\n' })).toBe(
    'killed by SIGABRT: F0000 built with AVX',
  );
  expect(reasonOf({ status: 1, signal: null, stderr: '' })).toBe('exit code 1');
});
