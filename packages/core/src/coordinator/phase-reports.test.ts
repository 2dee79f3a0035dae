// What members report of a phase, and what must be true of it.
import { expect, test } from 'vitest';
import type { ToCoordinator } from '../wire/messages.js';
import { sha } from './small-job.test.fixture.js';
import { Coordinator, epoch } from './coordinator.test.fixture.js';

test('different state at the start of a generation, or different weights after an epoch, end the run', () => {
  expect(new Coordinator(2).join(1).join(2).paused(1).paused(2).ready(1).ready(2, sha('2')).ended).toBe(
    'MODEL_DIVERGED',
  );
  expect(
    new Coordinator(2)
      .running()
      .message(1, epoch(4))
      .message(2, epoch(4, sha('2'))).ended,
  ).toBe('MODEL_DIVERGED');
});

test('a phase that ends in the millisecond in which it began has finite rates', () => {
  const done: ToCoordinator = {
    type: 'done',
    phase: 'teacher',
    steps: 1,
    samples: 4,
    waitedMs: 1,
    waits: { steps: 1 },
    weightsSha256: sha('1'),
    test: { loss: 1, rows: 1 },
    stopped: 'all epochs done',
    model: { topology: '', weights: [], data: new Uint8Array(8), parameters: 2 },
  };
  const { state } = new Coordinator(2)
    .running()
    .message(1, epoch(4))
    .message(2, epoch(4))
    .message(1, done)
    .message(2, done);
  expect(state.membership).toMatchObject({
    type: 'saving',
    record: { seconds: 0.001, samplesPerSecond: 4000, dataWait: { share: 1 } },
  });
});

test('an epoch that did not use each row once ends the run', () => {
  expect(new Coordinator(2).running().message(1, epoch(4)).message(2, epoch(4)).ended).toBeUndefined();
  expect(new Coordinator(2).running().message(1, epoch(3)).ended).toBe('LEDGER_BROKEN');
});
