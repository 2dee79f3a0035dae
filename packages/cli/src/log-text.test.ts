// What `logs` prints of a line.
import { expect, test } from 'vitest';
import { logText } from './log-text.js';

const line = { raw: '{}', at: '2026-01-01T12:00:00.123Z', message: 'epoch' };

test('time, message, and fields in short', () => {
  const fields = { notice: { type: 'epoch', phase: 'teacher', record: { epoch: 3, trainLoss: 0.5 } } };
  expect(logText({ ...line, fields })).toBe(
    '2026-01-01 12:00:00 UTC  epoch  phase=teacher record.epoch=3 record.trainLoss=0.5',
  );
  expect(logText(line)).toBe('2026-01-01 12:00:00 UTC  epoch');
});

test('a long value is cut, and text of several lines is one', () => {
  const many = Array.from({ length: 1000 }, (_, i) => i);
  const text = logText({ ...line, fields: { many, stack: 'Error: no\n    at f' } });
  expect(text.length).toBeLessThan(200);
  expect(text).toMatch(/ many=\[0,1,2.*… stack=Error: no \| at f$/);
});

test('what an engine wrote stays as it is', () => {
  expect(logText({ raw: 'a warning of TensorFlow' })).toBe('a warning of TensorFlow');
});
