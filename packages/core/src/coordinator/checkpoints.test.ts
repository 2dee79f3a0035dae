// Which worker is asked for a checkpoint.
import { expect, test } from 'vitest';
import { Coordinator } from './coordinator.test.fixture.js';

test('that does not send a checkpoint is not asked for the next one', () => {
  const coordinator = new Coordinator(2, { checkpointEveryMs: 1_000 }).running();
  const asked: number[] = [];
  for (let id = 1; id <= 3; id++) {
    coordinator.tick(coordinator.now + 2_000, 1, 2).on({ type: 'tick' });
    const { pending } = coordinator.state.checkpoint;
    asked.push(pending!.link);
    coordinator.on({ type: 'checkpointFailed', id: pending!.id, reason: 'its worker sent nothing' });
  }
  expect(asked).toEqual([2, 1, 2]);
});
