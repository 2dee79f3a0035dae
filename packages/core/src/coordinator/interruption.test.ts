// How an interrupted run ends.
import { describe, expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { sha } from './small-job.test.fixture.js';
import { Coordinator } from './coordinator.test.fixture.js';

describe('an interrupted run', () => {
  const interrupt = { type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } } as const;
  function atStep(step: number): Coordinator {
    const coordinator = new Coordinator(2).running().beat(1).beat(2);
    return coordinator.message(1, { type: 'progress', generation: coordinator.state.generation, step, loss: 1 });
  }

  test('ends once its newest state is in a checkpoint', () => {
    const coordinator = atStep(7).on(interrupt);
    expect(coordinator.effects).toEqual([{ type: 'takeCheckpoint', link: 2, id: 1 }]);
    expect(coordinator.on({ type: 'tick' }).ended).toBeUndefined();
    const held = { phase: 'teacher', ops: 7 } as const;
    coordinator.on({ type: 'checkpointTaken', id: 1, held, sha256: sha('7'), bytes: 1 });
    expect(coordinator.effects).toContainEqual({
      type: 'journal',
      record: { type: 'checkpoint', record: expect.objectContaining({ ops: 7 }) },
    });
    expect(coordinator.ended).toBe('INTERRUPTED');
  });

  test('takes a checkpoint of its own after one that is on its way', () => {
    const coordinator = atStep(7);
    coordinator.state = {
      ...coordinator.state,
      checkpoint: { ...coordinator.state.checkpoint, nextId: 2, pending: { id: 1, link: 2 } },
    };
    expect(coordinator.on(interrupt).effects).toEqual([]);
    coordinator.on({ type: 'checkpointFailed', id: 1, reason: 'the disk is full' });
    expect(coordinator.effects).toContainEqual({ type: 'takeCheckpoint', link: 1, id: 2 });
    expect(coordinator.on({ type: 'checkpointFailed', id: 2, reason: 'the disk is full' }).ended).toBe('INTERRUPTED');
  });

  test('waits for its checkpoint for a few seconds, and for nothing if nothing was trained', () => {
    const coordinator = atStep(7).on(interrupt);
    coordinator.now += limits.lastCheckpointMs;
    expect(coordinator.on({ type: 'tick' }).ended).toBe('INTERRUPTED');
    expect(new Coordinator(2).running().on(interrupt).ended).toBe('INTERRUPTED');
    expect(new Coordinator(2).join(1).on(interrupt).ended).toBe('INTERRUPTED');
  });

  test('reports the interruption, whatever happens to its workers meanwhile', () => {
    const lost = { type: 'interrupt', error: { code: 'WORKER_LOST', message: 'no worker is left' } } as const;
    expect(atStep(7).on(interrupt).on(lost).ended).toBe('INTERRUPTED');
    expect(atStep(7).on(lost).ended).toBe('WORKER_LOST');
  });
});
