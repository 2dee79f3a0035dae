// Newcomers are tried before anyone pauses for them.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { Coordinator } from './coordinator.test.fixture.js';

/** Time passes while members work. */
const atWork = (coordinator: Coordinator, untilMs: number, links: readonly number[]): void => {
  coordinator.now = untilMs;
  for (const link of links) coordinator.beat(link, { busy: true });
  coordinator.on({ type: 'tick' });
};

test('a newcomer that members cannot reach is left out before anyone pauses, and each time for longer', () => {
  const coordinator = new Coordinator(2).running().join(3);
  expect(coordinator.sent(1)).toEqual([{ type: 'probe', id: 1, workers: [{ meshAddress: 'mesh3' }] }]);
  expect(coordinator.sent(3)).toEqual([
    { type: 'probe', id: 1, workers: [{ meshAddress: 'mesh1' }, { meshAddress: 'mesh2' }] },
  ]);
  let newcomer = 3;
  for (const times of [1, 2, 3]) {
    for (const link of [1, 2]) coordinator.message(link, { type: 'probed', id: times, reached: 0 });
    expect(coordinator.notices('excluded')).toEqual([
      expect.objectContaining({ workerId: 'w3', forMs: limits.quarantineMs * 2 ** (times - 1) }),
    ]);
    // It comes back over another connection, and is not forgotten.
    coordinator.hello(++newcomer, { instance: 'i3' }).joinAgain(newcomer);
    const untilMs = coordinator.now + limits.quarantineMs * 2 ** (times - 1);
    atWork(coordinator, untilMs - 1, [1, 2, newcomer]);
    expect(coordinator.sent(newcomer).filter(({ type }) => type === 'probe')).toEqual([]);
    atWork(coordinator, untilMs, [1, 2, newcomer]);
    expect(coordinator.sent(newcomer)).toContainEqual(expect.objectContaining({ type: 'probe', id: times + 1 }));
  }
  expect(coordinator.state.membership.type).toBe('running');
});

test('an answer that was lost is asked for again; a newcomer that is reached joins', () => {
  const coordinator = new Coordinator(2).running().join(3).on({ type: 'tick' });
  atWork(coordinator, limits.probeMs, [1, 2, 3]);
  expect(coordinator.sent(1)).toContainEqual({ type: 'probe', id: 2, workers: [{ meshAddress: 'mesh3' }] });
  coordinator.answerProbe(3);
  expect(coordinator.state.membership).toMatchObject({ type: 'pausing', boundary: true });
});
