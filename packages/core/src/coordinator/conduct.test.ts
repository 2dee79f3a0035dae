// A hostile or broken worker with the token.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import type { ToCoordinator } from '../wire/messages.js';
import { sha } from './small-job.test.fixture.js';
import { Coordinator, epoch } from './coordinator.test.fixture.js';

/** Its link is closed with the reason, the others go on, and its process does not come back. */
function expectExpelled(coordinator: Coordinator, link: number): void {
  expect(coordinator.ended).toBeUndefined();
  expect(coordinator.effects).toContainEqual({ type: 'close', link });
  expect(coordinator.sent(link)).toContainEqual(
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }) }),
  );
  expect(coordinator.notices('refused')).toHaveLength(1);
  expect(coordinator.state.workers.has(link)).toBe(false);
  const again = coordinator.hello(99, { instance: `i${link}` });
  expect(again.sent(99)).toEqual([
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }) }),
  ]);
}

const done = {
  type: 'done',
  phase: 'teacher',
  steps: 1,
  samples: 4,
  waitedMs: 1,
  waits: { steps: 1 },
  weightsSha256: sha('1'),
  test: { loss: 1, rows: 1 },
  stopped: 'all epochs done',
} as const;
const generation = 2 ** 16 + 1;
const running = [{ workerId: 'w3', meshAddress: 'mesh3', ranks: { lo: 0, hi: 1 } }];

test.each<[string, object]>([
  ['a generation that has not begun', { generation: 2 ** 30 }],
  ['a position beyond the end of its phase', { held: { phase: 'teacher', ops: 2 ** 40 } }],
  ['members that do not share the ranks', { running }],
  ['members that overlap', { running: [...running, { ...running[0], workerId: 'w4' }] }],
])('is expelled if it joins with %s', (_, change) => {
  expectExpelled(new Coordinator(2).running().join(3, change), 3);
});

test.each<[string, ToCoordinator]>([
  ['pauses in one that has not begun', { type: 'paused', generation: generation + 1 }],
  ['holds more than its phase has', { type: 'paused', generation, held: { phase: 'teacher', ops: 2 ** 40 } }],
  ['makes more steps than its phase has', { type: 'progress', generation, step: 2 ** 40, loss: 1 }],
  ['ends a phase with more steps than it has', { ...done, steps: 2 ** 40 }],
  [
    'accuses a member that does not exist',
    { type: 'unreachable', generation, peer: 2, linking: true, reason: 'no answer' },
  ],
])('is expelled if it %s', (_, message) => {
  const coordinator = new Coordinator(2).running();
  expect(coordinator.state.generation).toBe(generation);
  expectExpelled(coordinator.message(2, message), 2);
  expect(coordinator.state.membership.type).toBe('pausing');
});

test('is expelled if it contradicts the members about an epoch without being one; otherwise it is not heard', () => {
  const coordinator = new Coordinator(2).running().join(3);
  coordinator.message(3, epoch(3, sha('2')));
  expect([coordinator.ended, coordinator.effects]).toEqual([undefined, []]);
  coordinator.message(1, epoch(4));
  expectExpelled(coordinator.message(3, epoch(4, sha('2'))), 3);
});

test('has no say in a generation that it is no member of', () => {
  const coordinator = new Coordinator(2).running().join(3);
  const before = coordinator.state;
  for (const message of [
    { type: 'progress', generation, step: 1, loss: 1 },
    { ...done, model: { topology: '', weights: [], data: new Uint8Array(8), parameters: 2 } },
    { type: 'unreachable', generation, peer: 0, linking: true, reason: 'no answer' },
    { type: 'unreachable', generation, peer: 0, linking: false, reason: 'no answer' },
  ] satisfies ToCoordinator[])
    expect(coordinator.message(3, message).effects).toEqual([]);
  expect(coordinator.state).toEqual({ ...before, workers: coordinator.state.workers });
  const starting = new Coordinator(2).join(1).join(2).paused(1).paused(2).join(3);
  expect(starting.ready(1).ready(3, sha('2')).effects).toEqual([]);
  expect(starting.ready(2).state.membership.type).toBe('running');
});

test('that changes its engine or protocol while it takes part is lost to the others, who continue', () => {
  for (const say of [
    (coordinator: Coordinator) => coordinator.joinAgain(2, { fingerprint: 'another' }),
    (coordinator: Coordinator) => coordinator.hello(2, { protocol: 0 }),
  ]) {
    const coordinator = say(new Coordinator(2).running());
    expect(coordinator.sent(2)).toEqual([expect.objectContaining({ type: 'rejected' })]);
    expect(coordinator.notices('left')).toEqual([expect.objectContaining({ workerId: 'w2' })]);
    expect(coordinator.state.membership.type).toBe('pausing');
  }
});

test('that is refused again and again fills no log: its refusals are counted', () => {
  const coordinator = new Coordinator(1);
  let noted = 0;
  for (let link = 1; link <= 1000; link++)
    noted += coordinator.hello(link, { token: 'guessed' }).notices('refused').length;
  expect(noted).toBe(limits.refusalsLogged);
  coordinator.now = limits.refusalsLoggedMs;
  expect(coordinator.on({ type: 'tick' }).notices('refusedMore')).toEqual([
    { type: 'refusedMore', count: 1000 - limits.refusalsLogged },
  ]);
  expect(coordinator.hello(1, { token: 'guessed' }).notices('refused')).toHaveLength(1);
});

test('what cannot be decoded expels a worker, and is refused from a stranger', () => {
  const error = { code: 'PROTOCOL_VIOLATION', message: 'a message is not MessagePack' } as const;
  expect(new Coordinator(1).on({ type: 'broken', link: 9, error }).effects).toEqual([
    { type: 'send', link: 9, message: { type: 'rejected', error } },
    { type: 'close', link: 9 },
  ]);
  expectExpelled(new Coordinator(2).running().on({ type: 'broken', link: 2, error }), 2);
  expect(new Coordinator(1).message(9, { type: 'leaving' }).effects).toEqual([{ type: 'close', link: 9 }]);
});
