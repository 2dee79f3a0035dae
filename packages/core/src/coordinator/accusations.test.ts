// Whom a generation leaves out, so that the others can begin.
import { describe, expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { membersToLeaveOut } from './accusations.js';
import type { CoordinatorNotice } from './state.js';
import { Coordinator } from './coordinator.test.fixture.js';

test('of workers that cannot reach each other the one that most accuse is left out, and tried again later', () => {
  const coordinator = new Coordinator(3).join(1).join(2).join(3).paused(1).paused(2).paused(3);
  const accuse = (link: number, peer: number): Coordinator =>
    coordinator.message(link, {
      type: 'unreachable',
      generation: coordinator.state.generation,
      peer,
      linking: true,
      reason: 'no answer',
    });
  accuse(1, 1);
  accuse(3, 1);
  coordinator.now = limits.accusationMs + 1;
  expect(coordinator.on({ type: 'tick' }).notices('excluded')).toEqual([expect.objectContaining({ workerId: 'w2' })]);
  coordinator.paused(1).paused(2).paused(3);
  expect(coordinator.sent(1)).toEqual([
    expect.objectContaining({
      members: [expect.objectContaining({ workerId: 'w1' }), expect.objectContaining({ workerId: 'w3' })],
    }),
  ]);
  coordinator.ready(1).ready(3);
  coordinator.now += limits.quarantineMs;
  for (const link of [1, 2, 3]) coordinator.beat(link);
  coordinator.on({ type: 'tick' }).answerProbe(2);
  expect(coordinator.state.membership).toMatchObject({ type: 'pausing', boundary: true });
});

describe('workers whose mesh nobody reaches', () => {
  /** Everyone else reports each of them. */
  const accuse = (coordinator: Coordinator, by: readonly number[], unreachable: readonly number[]): void => {
    for (const link of by)
      for (const peer of unreachable)
        if (peer !== link - 1)
          coordinator.message(link, {
            type: 'unreachable',
            generation: coordinator.state.generation,
            peer,
            linking: true,
            reason: 'no answer',
          });
    coordinator.now += limits.accusationMs + 1;
    coordinator.on({ type: 'tick' });
  };
  const all = Array.from({ length: 20 }, (_, i) => i + 1);

  test('are all left out in one round, be they fourteen of twenty', () => {
    const coordinator = new Coordinator(20);
    for (const link of all) coordinator.join(link);
    for (const link of all) coordinator.paused(link);
    const behind = all.slice(6).map((link) => link - 1);
    accuse(coordinator, all, behind);
    expect(
      coordinator
        .notices('excluded')
        .map(({ workerId }) => workerId)
        .toSorted(),
    ).toEqual(behind.map((index) => `w${index + 1}`).toSorted());
    for (const link of all) coordinator.paused(link);
    expect(coordinator.state.membership).toMatchObject({
      type: 'starting',
      members: [1, 2, 3, 4, 5, 6].map((number) => ({ workerId: `w${number}` })),
    });
  });

  test('of two halves the one of the members of before stays, even if it is the smaller one', () => {
    expect(
      membersToLeaveOut(
        ['w1', 'w2', 'w3', 'w4', 'w5'],
        ['w1', 'w2'].flatMap((by) => ['w3', 'w4', 'w5'].map((of) => ({ by, of, atMs: 0 }))),
        new Set(['w1', 'w2']),
      ).toSorted(),
    ).toEqual(['w3', 'w4', 'w5']);
  });

  test('of workers that all cannot reach each other one stays', () => {
    const everyone = ['w1', 'w2', 'w3'];
    expect(
      membersToLeaveOut(
        everyone,
        everyone.flatMap((by) => everyone.filter((of) => of !== by).map((of) => ({ by, of, atMs: 0 }))),
        new Set(),
      ),
    ).toEqual(['w3', 'w2']);
  });
});

test('that should hand over its state and never does is left out, instead of being linked again for ever', () => {
  const coordinator = new Coordinator(2).running().joinLate(3);
  const held = { phase: 'teacher', ops: 5 } as const;
  const pausedAll = (): unknown =>
    coordinator
      .paused(1, { ...held, ops: 4 })
      .paused(2, held)
      .paused(3);
  const excluded: CoordinatorNotice[] = [];
  const stall = (): void => {
    pausedAll();
    for (const untilMs = coordinator.now + limits.stallTimeoutMs + 1_000; coordinator.now < untilMs;) {
      coordinator.now += limits.tickIntervalMs;
      const links = [...coordinator.state.workers.keys()];
      for (const link of links) coordinator.beat(link, { stage: 'preparing', waitingFor: link === 2 ? [] : [1] });
      excluded.push(...coordinator.on({ type: 'tick' }).notices('excluded'));
    }
  };
  stall();
  stall();
  expect(excluded).toEqual([]);
  stall();
  expect(excluded).toEqual([expect.objectContaining({ workerId: 'w2', reason: expect.stringContaining('in vain') })]);
  coordinator
    .paused(1, { ...held, ops: 4 })
    .paused(2, held)
    .paused(3);
  expect(coordinator.state.membership).toMatchObject({
    type: 'starting',
    members: [{ workerId: 'w1' }, { workerId: 'w3' }],
    resume: { ops: 4, heals: [{ to: 1, from: 0 }] },
  });
});

describe('of members that wait for each other before a generation starts', () => {
  /**
   * Attempts to start until somebody is left out, five at most.
   * @param waits by worker, the places of the members that it waits for
   */
  function leftOut(coordinator: Coordinator, waits: Readonly<Record<number, readonly number[]>>): string[] {
    const links = [...coordinator.state.workers.keys()];
    for (let attempt = 1; attempt <= 5; attempt++) {
      for (const link of links) coordinator.paused(link);
      expect(coordinator.state.membership.type).toBe('starting');
      for (const untilMs = coordinator.now + limits.stallTimeoutMs + 1_000; coordinator.now < untilMs;) {
        coordinator.now += limits.tickIntervalMs;
        for (const link of links) coordinator.beat(link, { stage: 'preparing', waitingFor: waits[link] ?? [] });
        const excluded = coordinator.on({ type: 'tick' }).notices('excluded');
        if (excluded.length === 0) continue;
        expect(attempt).toBe(limits.breaksTolerated);
        return excluded.map(({ workerId }) => workerId);
      }
    }
    return [];
  }
  const three = (): Coordinator => new Coordinator(3).join(1).join(2).join(3);

  test('the one that most wait for is left out', () => {
    expect(leftOut(three(), { 1: [1], 3: [1] })).toEqual(['w2']);
  });

  test('one that claims to wait for all others is left out itself', () => {
    expect(leftOut(three(), { 1: [1, 2] })).toEqual(['w1']);
  });

  test('of two the one that joined later is left out, and nobody if none waits', () => {
    expect(leftOut(new Coordinator(2).join(1).join(2), { 1: [1], 2: [0] })).toEqual(['w2']);
    expect(leftOut(three(), {})).toEqual([]);
  });

  test('a place that no member has, and what a worker said of an earlier generation, count for nothing', () => {
    expect(leftOut(three(), { 1: [0, 3, 1000] })).toEqual([]);
    expect(leftOut(three(), { 1: [1] })).toEqual(['w2']);
    const coordinator = three().paused(1).paused(2).paused(3);
    const early = { stage: 'preparing', generation: 0, waitingFor: [1] };
    for (let times = 0; times < 60; times++) {
      coordinator.now += limits.tickIntervalMs;
      for (const link of [1, 2, 3]) coordinator.beat(link, early);
      expect(coordinator.on({ type: 'tick' }).notices('excluded')).toEqual([]);
    }
  });

  test('a member that heals others and waits for a third one is not to blame', () => {
    const coordinator = new Coordinator(4).join(1).join(2).join(3).join(4);
    const held = (ops: number): { phase: 'teacher'; ops: number } => ({ phase: 'teacher', ops });
    const excluded: string[] = [];
    for (let attempt = 0; attempt < limits.breaksTolerated; attempt++) {
      coordinator.paused(1, held(5)).paused(2, held(4)).paused(3, held(4)).paused(4, held(5));
      expect(coordinator.state.membership).toMatchObject({
        resume: {
          heals: [
            { to: 1, from: 0 },
            { to: 2, from: 3 },
          ],
        },
      });
      for (const untilMs = coordinator.now + limits.stallTimeoutMs + 1_000; coordinator.now < untilMs;) {
        coordinator.now += limits.tickIntervalMs;
        // The first cannot hand over its state before the fourth has greeted it.
        coordinator.beat(1, { stage: 'preparing', waitingFor: [3] }).beat(2, { stage: 'preparing', waitingFor: [0] });
        coordinator.beat(3, { stage: 'preparing', waitingFor: [3] }).beat(4, { stage: 'preparing' });
        excluded.push(
          ...coordinator
            .on({ type: 'tick' })
            .notices('excluded')
            .map(({ workerId }) => workerId),
        );
      }
    }
    expect(excluded).toEqual(['w4']);
  });
});
