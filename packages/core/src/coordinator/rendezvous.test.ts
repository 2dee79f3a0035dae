// Which workers may take part.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { protocolVersion } from '../wire/messages.js';
import { Coordinator } from './coordinator.test.fixture.js';

test.each([
  ['another protocol version', { protocol: protocolVersion + 1 }, 'PROTOCOL_VERSION'],
  ['a wrong token', { token: 'x' }, 'TOKEN_REJECTED'],
  ['another run', { runId: 'other' }, 'RUN_OVER'],
])('a worker with %s is refused and the others go on', (_, change, code) => {
  const coordinator = new Coordinator(1).hello(1, change);
  expect(coordinator.sent(1)).toEqual([
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code }) }),
  ]);
  expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
  expect(coordinator.join(2).sent(2)).toEqual([expect.objectContaining({ type: 'pause' })]);
});

test('an engine with another fingerprint is refused unless a mix is allowed', () => {
  expect(new Coordinator(2).join(1).join(2, { fingerprint: 'other' }).sent(2)).toEqual([
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'FINGERPRINT_MISMATCH' }) }),
  ]);
  expect(new Coordinator(2, { allowMixed: true }).join(1).join(2, { fingerprint: 'other' }).sent(2)).toEqual([
    expect.objectContaining({ type: 'pause' }),
  ]);
});

test('a process that comes back over another link is the same worker', () => {
  const coordinator = new Coordinator(3).join(1).hello(9, { instance: 'i1' });
  expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
  expect(coordinator.sent(9)).toEqual([expect.objectContaining({ type: 'welcome', workerId: 'w1' })]);
});

test('cannot use up the names of workers', () => {
  const coordinator = new Coordinator(1).hello(1, { workerId: 'w999999999999999' });
  expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'welcome', workerId: 'w1' })]);
});

test('repeats its hello when the run is full, and is welcomed again', () => {
  const coordinator = new Coordinator(1);
  for (let link = 1; link <= limits.workerCount; link++) coordinator.hello(link);
  expect(coordinator.hello(1).sent(1)).toEqual([expect.objectContaining({ type: 'welcome', workerId: 'w1' })]);
  expect(coordinator.hello(limits.workerCount + 1).sent(limits.workerCount + 1)).toEqual([
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'RUN_FULL' }) }),
  ]);
});

test('is a stranger until its hello is accepted', () => {
  expect(new Coordinator(1).hello(1).effects).toContainEqual({ type: 'admit', link: 1 });
  expect(new Coordinator(1).hello(1, { token: 'x' }).effects.some(({ type }) => type === 'admit')).toBe(false);
});
