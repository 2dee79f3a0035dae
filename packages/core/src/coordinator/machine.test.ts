// What belongs to no part of the coordinator alone. Whole runs are simulated in test/simulation.
import { expect, test } from 'vitest';
import type { CoordinatorEffect } from './state.js';
import { sha } from './small-job.test.fixture.js';
import { Coordinator } from './coordinator.test.fixture.js';

test('after its end a run does nothing any more', () => {
  const over = new Coordinator(1).join(1).on({ type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } });
  expect(over.ended).toBe('INTERRUPTED');
  expect(over.beat(1).effects).toEqual([]);
  // A worker that comes late is sent away.
  expect(over.hello(2).sent(2)).toEqual([expect.objectContaining({ type: 'rejected' })]);
});

test(
  'a block goes to the first worker that asks, and others are sent to it as long as it is there; one that asks the ' +
    'coordinator itself gets it',
  () => {
    const three = new Coordinator(3).join(1).join(2).join(3);
    const ask = (link: number, direct = false): CoordinatorEffect[] =>
      three.message(link, { type: 'getBlock', hash: sha('a'), direct }).effects;
    const sent = (link: number): CoordinatorEffect[] => [{ type: 'sendBlock', link, hash: sha('a') }];
    const referred = (link: number, meshAddress: string): CoordinatorEffect[] => [
      { type: 'send', link, message: { type: 'blockAt', hash: sha('a'), meshAddress } },
    ];
    expect(ask(1)).toEqual(sent(1));
    expect(ask(2)).toEqual(referred(2, 'mesh1'));
    expect(ask(2, true)).toEqual(sent(2));
    expect(ask(3)).toEqual(referred(3, 'mesh2'));
    three.on({ type: 'closed', link: 2, reason: '' });
    expect(ask(1)).toEqual(referred(1, 'mesh3'));
  },
);
