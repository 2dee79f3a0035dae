// The two phases of a change of membership.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { parseRecipe } from '../recipe/parse.js';
import type { PhaseRecord } from '../job/run-record.js';
import { emptyHistory } from './journal.js';
import { job, recipe, set, sha, source } from './small-job.test.fixture.js';
import { Coordinator } from './coordinator.test.fixture.js';

test('ranks are dealt once all have said how far they are; steps begin once all are ready with equal state', () => {
  const coordinator = new Coordinator(3).join(1).join(2).join(3);
  expect(coordinator.paused(1).paused(2).sent(1)).toEqual([]);
  coordinator.paused(3);
  // Two ranks: the third worker is a spare.
  const members = [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
    { lo: 2, hi: 2 },
  ].map((ranks, i) => ({ workerId: `w${i + 1}`, meshAddress: `mesh${i + 1}`, ranks }));
  for (const link of [1, 2, 3])
    expect(coordinator.sent(link)).toEqual([expect.objectContaining({ type: 'resume', ops: 0, members, heals: [] })]);
  expect(coordinator.ready(1).ready(2).sent(1)).toEqual([]);
  expect(coordinator.ready(3).sent(1)).toEqual([{ type: 'start', generation: coordinator.state.generation }]);
});

test('a lost worker’s ranks go to the others at once; a member that lags is healed by a peer', () => {
  const coordinator = new Coordinator(3)
    .join(1)
    .join(2)
    .join(3)
    .paused(1)
    .paused(2)
    .paused(3)
    .ready(1)
    .ready(2)
    .ready(3);
  coordinator.on({ type: 'closed', link: 1, reason: 'connection reset' });
  expect(coordinator.sent(2)).toEqual([expect.objectContaining({ type: 'pause', boundary: false })]);
  coordinator.paused(2, { phase: 'teacher', ops: 4 }).paused(3, { phase: 'teacher', ops: 5 });
  expect(coordinator.sent(2)).toEqual([
    expect.objectContaining({
      type: 'resume',
      ops: 5,
      heals: [{ to: 0, from: 1 }],
      members: [
        expect.objectContaining({ workerId: 'w2', ranks: { lo: 0, hi: 1 } }),
        expect.objectContaining({ workerId: 'w3', ranks: { lo: 1, hi: 2 } }),
      ],
    }),
  ]);
});

test('a worker that joins, or wants to go, changes it at the end of a step', () => {
  const coordinator = new Coordinator(2).running();
  expect(coordinator.joinLate(3).sent(1)).toEqual([expect.objectContaining({ type: 'pause', boundary: true })]);
  const leaving = new Coordinator(2).running().message(2, { type: 'leaving' });
  expect(leaving.sent(1)).toEqual([expect.objectContaining({ type: 'pause', boundary: true })]);
  leaving.paused(1, { phase: 'teacher', ops: 7 }).paused(2, { phase: 'teacher', ops: 7 });
  expect(leaving.sent(2)).toEqual([{ type: 'stop' }]);
  expect(leaving.sent(1)).toEqual([
    expect.objectContaining({
      type: 'resume',
      members: [expect.objectContaining({ workerId: 'w1', ranks: { lo: 0, hi: 2 } })],
    }),
  ]);
});

test('one that waits while another distils goes at once, and one worker is enough for that', () => {
  const done = [{ record: { phase: 'teacher' } as PhaseRecord, blob: sha('b') }];
  const distilling = parseRecipe({
    ...recipe,
    student: { model: { layers: [{ dense: 1 }] }, epochs: 1, batch: 2 },
    distill: {},
    data: { large: source, small: source, test: source },
  });
  const small = {
    ...job,
    recipe: distilling,
    dataset: { ...job.dataset, sets: { ...job.dataset.sets, small: set } },
  };
  const coordinator = new Coordinator(2, { job: small, minWorkers: 2, history: { ...emptyHistory, done } })
    .join(1)
    .join(2)
    .paused(1)
    .paused(2);
  expect(coordinator.sent(1)).toEqual([
    expect.objectContaining({
      type: 'resume',
      phase: 'student',
      teacher: sha('b'),
      members: [expect.objectContaining({ ranks: { lo: 0, hi: 1 } })],
    }),
  ]);
  // The other hears that it has no part: it can cut the links of the phase before.
  expect(coordinator.sent(2)).toEqual(coordinator.sent(1));
  expect(coordinator.ready(1).message(2, { type: 'leaving' }).sent(2)).toEqual([{ type: 'stop' }]);
  expect(coordinator.on({ type: 'closed', link: 1, reason: '' }).on({ type: 'tick' }).notices('waiting')).toEqual([
    { type: 'waiting', reason: '1 more worker' },
  ]);
  expect(coordinator.join(3).sent(3)).toContainEqual(expect.objectContaining({ type: 'pause' }));
});

test('a worker that is lost while others wait for the end of a step makes them stop at once', () => {
  const coordinator = new Coordinator(2).running().joinLate(3).on({ type: 'closed', link: 2, reason: '' });
  expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'pause', boundary: false })]);
});

test('with too few workers training waits, says for whom, and goes on when they are there', () => {
  const coordinator = new Coordinator(2, { minWorkers: 2 })
    .running()
    .on({ type: 'closed', link: 2, reason: '' })
    .paused(1, { phase: 'teacher', ops: 3 });
  expect(coordinator.notices('waiting')).toEqual([{ type: 'waiting', reason: '1 more worker' }]);
  expect(coordinator.join(3).sent(1)).toEqual([expect.objectContaining({ type: 'pause' })]);
  expect(coordinator.paused(1, { phase: 'teacher', ops: 3 }).paused(3).sent(3)).toEqual([
    expect.objectContaining({ type: 'resume', ops: 3, heals: [{ to: 1, from: 0 }] }),
  ]);
});

test('what a worker seems not to have heard is said again', () => {
  const coordinator = new Coordinator(1).join(1);
  coordinator.now = limits.resendMs + 1;
  expect(coordinator.beat(1, { stage: 'idle', generation: 0 }).sent(1)).toContainEqual(
    expect.objectContaining({ type: 'pause' }),
  );
  coordinator.paused(1);
  coordinator.now += limits.resendMs + 1;
  expect(coordinator.beat(1, { stage: 'paused' }).sent(1)).toContainEqual(expect.objectContaining({ type: 'resume' }));
  coordinator.ready(1);
  coordinator.now += limits.resendMs + 1;
  expect(coordinator.beat(1, { stage: 'ready' }).sent(1)).toContainEqual(expect.objectContaining({ type: 'start' }));
});
