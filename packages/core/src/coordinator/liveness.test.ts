// Workers that are silent, slow, or late.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { Coordinator } from './coordinator.test.fixture.js';

test('silence and absence have their limits, and are reported', () => {
  const silent = new Coordinator(2).running();
  silent.tick(limits.silenceNoticeMs + 1);
  expect(silent.beat(1).on({ type: 'tick' }).notices('silent')).toEqual([expect.objectContaining({ workerId: 'w2' })]);
  expect(silent.on({ type: 'tick' }).notices('silent')).toEqual([]);
  silent.tick(10_001, 1);
  expect(silent.beat(1).on({ type: 'tick' }).notices('left')).toEqual([
    { type: 'left', workerId: 'w2', reason: 'no heartbeat for 10 s' },
  ]);
  expect(silent.sent(1)).toContainEqual(expect.objectContaining({ type: 'pause', boundary: false }));
  const waiting = new Coordinator(2).join(1);
  waiting.now = 30_001;
  expect(waiting.beat(1).on({ type: 'tick' }).ended).toBe('WORKERS_MISSING');
});

test('a member that others wait for, and that gets no further, is named', () => {
  const coordinator = new Coordinator(2).running();
  for (; coordinator.now < limits.stallTimeoutMs; coordinator.now += 500)
    coordinator
      .beat(1, { waitingFor: [1] })
      .beat(2, { busy: true })
      .on({ type: 'tick' });
  expect(
    coordinator
      .beat(1, { waitingFor: [1] })
      .beat(2, { busy: true })
      .on({ type: 'tick' })
      .notices('stalling'),
  ).toEqual([expect.objectContaining({ workerId: 'w2', waiting: ['w1'] })]);
  expect(coordinator.on({ type: 'tick' }).notices('stalling')).toEqual([]);
});
