// Messages, encoded and back.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { joinBytes } from '../format/safetensors.js';
import {
  decodeToCoordinator,
  decodeToWorker,
  encodeMessage,
  protocolVersion,
  type ToCoordinator,
  type ToWorker,
} from './messages.js';
import { job, sha } from '../coordinator/small-job.test.fixture.js';

test('messages survive their encoding; what does not fit its schema is a protocol violation', () => {
  const message: ToCoordinator = { type: 'progress', generation: 1, step: 2, loss: Infinity };
  expect(decodeToCoordinator(joinBytes(encodeMessage(message)))).toEqual(message);
  const block: ToWorker = { type: 'block', hash: sha('a'), bytes: Uint8Array.of(1, 2) };
  const decoded = decodeToWorker(joinBytes(encodeMessage(block)));
  expect(decoded.type === 'block' && [...decoded.bytes]).toEqual([1, 2]);
  // Long bytes lie behind the message, and are not copied.
  const long: ToWorker = {
    type: 'block',
    hash: sha('b'),
    bytes: Uint8Array.from({ length: 70_000 }, (_, i) => i % 251),
  };
  const parts = encodeMessage(long);
  expect(parts[1]).toBe(long.bytes);
  const arrived = decodeToWorker(joinBytes(parts));
  expect(arrived.type === 'block' && arrived.hash === long.hash && Buffer.compare(arrived.bytes, long.bytes)).toBe(0);
  expect(() => decodeToWorker(joinBytes(parts).subarray(0, 4))).toThrow(
    expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
  );
  for (const bad of [
    Uint8Array.of(0xc1),
    joinBytes(encodeMessage({ ...message, step: -1 })),
    joinBytes(encodeMessage(block)),
  ]) {
    expect(() => decodeToCoordinator(bad)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
  }
});

test('a job comes whole, or is refused', () => {
  const welcome: ToWorker = { type: 'welcome', workerId: 'w1', term: 1, meshToken: 'm', job };
  expect(decodeToWorker(joinBytes(encodeMessage(welcome)))).toEqual(welcome);
  const { teacher, ...withoutTeacher } = job.recipe;
  for (const [change, message] of [
    [{ recipe: withoutTeacher }, /welcome.*job\.recipe\.teacher/],
    [{ recipe: { ...job.recipe, ofTomorrow: 1 } }, /welcome.*job\.recipe.*ofTomorrow/],
    [{ dataset: undefined }, /welcome.*job\.dataset/],
    [{ dataset: { ...job.dataset, sets: { large: 7 } } }, /welcome.*job\.dataset\.sets\.large/],
  ] as const) {
    const refused = { ...welcome, job: { ...job, ...change } } as unknown as ToWorker;
    expect(() => decodeToWorker(joinBytes(encodeMessage(refused)))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_VIOLATION', message: expect.stringMatching(message) }),
    );
  }
});

test('docs/protocol.md describes this version', () => {
  const docs = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');
  expect(/^Version (\d+)\./m.exec(docs)?.[1]).toBe(String(protocolVersion));
});
