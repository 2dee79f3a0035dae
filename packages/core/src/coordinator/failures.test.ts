// Workers that fail, and processes that die by themselves.
import { expect, test } from 'vitest';
import { Coordinator } from './coordinator.test.fixture.js';

test('that fails before it has a part in the run fails alone; before the run begins it speaks for all', () => {
  const error = { code: 'BACKEND_UNAVAILABLE', message: 'no such engine' } as const;
  const coordinator = new Coordinator(2).running().hello(3).message(3, { type: 'failed', error });
  expect(coordinator.ended).toBeUndefined();
  expect(coordinator.sent(3)).toEqual([{ type: 'stop', error }]);
  expect(coordinator.notices('left')).toEqual([
    { type: 'left', workerId: 'w3', reason: 'it failed: BACKEND_UNAVAILABLE: no such engine' },
  ]);
  expect(new Coordinator(2).hello(1).message(1, { type: 'failed', error }).ended).toBe('BACKEND_UNAVAILABLE');
});

test('whose crash is reported after its link has closed ends the run, also while the others wait', () => {
  const error = { code: 'WORKER_CRASHED', message: 'its process was killed by SIGABRT' } as const;
  const coordinator = new Coordinator(2, { minWorkers: 2 })
    .running()
    .on({ type: 'closed', link: 2, reason: 'its connection closed' })
    .paused(1, { phase: 'teacher', ops: 3 });
  expect(coordinator.notices('waiting')).toEqual([{ type: 'waiting', reason: '1 more worker' }]);
  expect(coordinator.hello(3, { instance: 'i2' }).message(3, { type: 'failed', error }).ended).toBe('WORKER_CRASHED');
});

test('a bug in a worker is reported with worker, step, ranks and stack; bad input as it is', () => {
  const failed = new Coordinator(2)
    .running()
    .message(1, { type: 'failed', step: 7, error: { code: 'BUG', message: 'x is undefined', stack: 'at y' } });
  expect(failed.effects.at(-1)).toEqual({
    type: 'end',
    error: { code: 'WORKER_FAILED', message: 'worker w1 (h1), step 7, rank 0: x is undefined', stack: 'at y' },
  });
  const input = new Coordinator(1)
    .hello(1)
    .message(1, { type: 'failed', error: { code: 'MODEL_SHAPE', message: 'teacher.model gives …' } });
  expect(input.effects.at(-1)).toEqual({
    type: 'end',
    error: { code: 'MODEL_SHAPE', message: 'teacher.model gives …' },
  });
});

test('a process that died by itself ends the run, with what it worked on, even after it was missed', () => {
  const error = { code: 'WORKER_CRASHED', message: 'heap out of memory' } as const;
  const coordinator = new Coordinator(2)
    .running()
    .message(1, { type: 'progress', generation: 65537, step: 5, loss: 1 })
    .on({ type: 'closed', link: 2, reason: '' });
  expect(coordinator.on({ type: 'crashed', instance: 'i2', error }).effects.at(-1)).toEqual({
    type: 'end',
    error: { ...error, message: 'worker w2 (this machine), step 5, rank 1: heap out of memory' },
  });
});
