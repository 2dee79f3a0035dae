// What calls for a change of membership.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { job, recipe } from './small-job.test.fixture.js';
import { Coordinator } from './coordinator.test.fixture.js';

test('members that all wait without getting on are linked anew', () => {
  const coordinator = new Coordinator(2).running();
  coordinator.tick(limits.stallTimeoutMs, 1).beat(1).beat(2, { busy: true }).on({ type: 'tick' });
  // One of them works.
  expect(coordinator.notices('pausing')).toEqual([]);
  coordinator
    .tick(2 * limits.stallTimeoutMs, 1, 2)
    .tick(2 * limits.stallTimeoutMs + 1)
    .on({ type: 'tick' });
  expect(coordinator.notices('pausing')).toEqual([
    expect.objectContaining({ reason: 'no member made progress', boundary: false }),
  ]);
});

test('ranks move from a slow worker only if that is worth it, and the slow one is named', () => {
  const coordinator = new Coordinator(2, { job: { ...job, recipe: { ...recipe, ranks: 8 } } }).running();
  coordinator.now = limits.rebalanceIntervalMs + 1;
  expect(coordinator.beat(1, { rankMs: 10 }).beat(2, { rankMs: 11 }).on({ type: 'tick' }).notices('pausing')).toEqual(
    [],
  );
  coordinator.beat(2, { rankMs: 30 }).on({ type: 'tick' });
  expect(coordinator.notices('slow')).toEqual([{ type: 'slow', workerId: 'w2', rankMs: 30, typicalMs: 10 }]);
  expect(coordinator.notices('pausing')).toEqual([
    expect.objectContaining({ boundary: true, reason: 'ranks move: a step takes 120 ms and would take 60 ms' }),
  ]);
  coordinator.paused(1, { phase: 'teacher', ops: 2 }).paused(2, { phase: 'teacher', ops: 2 });
  expect(coordinator.sent(1)).toEqual([
    expect.objectContaining({
      members: [
        expect.objectContaining({ ranks: { lo: 0, hi: 6 } }),
        expect.objectContaining({ ranks: { lo: 6, hi: 8 } }),
      ],
    }),
  ]);
});
