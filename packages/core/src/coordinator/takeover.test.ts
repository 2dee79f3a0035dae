// A coordinator that is started again, and one that is replaced.
import { describe, expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import type { PhaseRecord } from '../job/run-record.js';
import { emptyHistory } from './journal.js';
import { sha } from './small-job.test.fixture.js';
import { Coordinator } from './coordinator.test.fixture.js';

describe('a coordinator that comes back', () => {
  const history = { ...emptyHistory, term: 1 };
  const members = [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
  ].map((ranks, i) => ({ workerId: `w${i + 1}`, meshAddress: `mesh${i + 1}`, ranks }));
  const back = (link: number): object => ({
    generation: 70_000,
    held: { phase: 'teacher', ops: link },
    running: members,
  });

  test('takes over a generation that runs, without a word to its members', () => {
    const coordinator = new Coordinator(2, { term: 2, history }).join(1, back(1)).join(2, back(2));
    expect([...coordinator.sent(1), ...coordinator.sent(2)]).toEqual([]);
    expect(coordinator.state.membership).toMatchObject({ type: 'running', members });
    // Its own generations are higher than any of the coordinator before.
    expect(coordinator.joinLate(3).sent(1)).toEqual([{ type: 'pause', generation: 2 * 2 ** 16 + 1, boundary: true }]);
  });

  test('makes a new one if a member does not come back in time', () => {
    const coordinator = new Coordinator(2, { term: 2, history }).join(1, back(1));
    coordinator.now = limits.adoptionMs;
    expect(coordinator.on({ type: 'tick' }).sent(1)).toEqual([
      expect.objectContaining({ type: 'pause', boundary: false }),
    ]);
    expect(coordinator.paused(1, { phase: 'teacher', ops: 9 }).sent(1)).toEqual([
      expect.objectContaining({ type: 'resume', ops: 9, heals: [] }),
    ]);
  });

  test('begins at the newest checkpoint if no worker holds more, and at the one before if it is spoiled', () => {
    const checkpoints = [3, 6].map((ops) => ({
      phase: 'teacher' as const,
      ops,
      sha256: sha(String(ops)),
      bytes: 1,
      best: false,
    }));
    const coordinator = new Coordinator(1, { term: 2, history: { ...history, checkpoints } }).join(1);
    coordinator.now = limits.adoptionMs;
    coordinator.on({ type: 'tick' }).paused(1);
    expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'resume', ops: 6, checkpoint: sha('6') })]);
    coordinator.on({ type: 'checkpointUnusable', sha256: sha('6'), reason: 'cut off' });
    expect(coordinator.effects).toContainEqual({
      type: 'journal',
      record: { type: 'checkpointDropped', sha256: sha('6') },
    });
    expect(coordinator.paused(1).sent(1)).toEqual([
      expect.objectContaining({ type: 'resume', ops: 3, checkpoint: sha('3') }),
    ]);
  });

  test('of a run whose phases are all done ends it, without workers', () => {
    const done = [{ record: { phase: 'teacher' } as PhaseRecord, blob: sha('b') }];
    const coordinator = new Coordinator(1, { term: 2, history: { ...history, done } }).on({ type: 'tick' });
    expect(coordinator.effects).toEqual([
      { type: 'journal', record: { type: 'ended' } },
      { type: 'end', error: undefined },
    ]);
  });

  test('that is fenced off while it ends says so', () => {
    const over = new Coordinator(1).join(1).on({ type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } });
    expect(over.on({ type: 'fenced', term: 2 }).ended).toBe('COORDINATOR_FENCED');
  });

  test('is fenced off by one that came after it', () => {
    const fenced = new Coordinator(1).join(1).on({ type: 'fenced', term: 2 });
    expect(fenced.ended).toBe('COORDINATOR_FENCED');
    expect(fenced.effects.some(({ type }) => type === 'journal')).toBe(false);
    expect(fenced.sent(1).some(({ type }) => type === 'stop')).toBe(false);
    // A worker that comes back to it does not hear that the run is over: it is not.
    expect(fenced.hello(2).effects).toEqual([{ type: 'close', link: 2 }]);
  });

  test('does not believe a worker that says so: the worker has to go on looking', () => {
    const coordinator = new Coordinator(1).hello(1, { term: 2 ** 39 });
    expect(coordinator.ended).toBeUndefined();
    expect(coordinator.sent(1)).toEqual([]);
    expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
    expect(coordinator.notices('refused')).toHaveLength(1);
    expect(coordinator.join(2).sent(2)).toEqual([expect.objectContaining({ type: 'pause' })]);
  });
});
