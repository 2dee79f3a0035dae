import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorKinds, exitCodes, fromErrorRecord, messageOf, StillhouseError, toErrorRecord } from './errors.js';

const docs = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');

test('every code is explained in docs/errors.md, with its exit code, and no other', () => {
  const rows = [...docs.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map(([, code, exit]) => [code, Number(exit)]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(errorKinds).map(([code, { exit }]) => [code, exit])),
  );
  for (const exit of Object.values(exitCodes)) expect(docs).toMatch(new RegExp(`^\\| ${exit} \\|`, 'm'));
});

test('every code says what to do next, in a sentence', () => {
  for (const { next } of Object.values(errorKinds)) expect(next).toMatch(/^[A-Z].*\.$/);
});

test('what the operating system refuses is said in words, with its code, call and path', () => {
  const refusal = (path: string, read: (path: string) => unknown = readFileSync): string => {
    try {
      return String(read(path));
    } catch (error) {
      return messageOf(error);
    }
  };
  expect(refusal('/')).toBe('it is a folder (EISDIR, read)');
  expect(refusal('/none')).toBe("there is no such file or folder (ENOENT, open '/none')");
  expect(refusal('/dev/null/x')).toBe("a part of its path is a file, not a folder (ENOTDIR, open '/dev/null/x')");
  expect(toErrorRecord(new Error('ENOENT')).code).toBe('BUG');
});

test('an error crosses a socket with its code; a bug with its stack', () => {
  const error = new StillhouseError('DATA_CELL', 'line 3');
  expect(fromErrorRecord(toErrorRecord(error))).toMatchObject({ code: 'DATA_CELL', message: 'line 3', exitCode: 2 });
  const advised = new StillhouseError('DATA_CELL', 'line 3', { next: 'Do this.' });
  expect(fromErrorRecord(toErrorRecord(advised))).toMatchObject({ next: 'Do this.' });
  const bug = fromErrorRecord(toErrorRecord(new TypeError('x')));
  expect(bug).not.toBeInstanceOf(StillhouseError);
  expect(bug.stack).toContain('TypeError: x');
});
