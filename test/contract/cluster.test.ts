// The protocol over both transports: the same clusters, judged against the same reference.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { runCluster, scenarioOf, simulate, type Scenario, type World } from '../simulation/cluster.js';

const webSocketWorld: World = {
  transport: webSocketTransport, clock: systemClock, address: '127.0.0.1:0', meshAddress: () => '127.0.0.1:0',
  async pass(isOver) {
    for (let waitedMs = 0; !isOver() && waitedMs < 30_000; waitedMs += 10) await delay(10);
  },
};

/** A scenario at a pace at which real time may pass. */
const quick = (scenario: Scenario): Scenario => ({ ...scenario, speedsMs: scenario.speedsMs.map(() => 0.1), crash: scenario.crash && { ...scenario.crash, atMs: scenario.crash.atMs / 40 } });

const seeds = [4, 1, 2, 3, 5, 8, 13, 21, 34, 55];
const scenarios = seeds.map((seed) => quick(scenarioOf(seed)));

test('the scenarios cover several workers, idle workers, students, early stops and crashes', () => {
  expect(scenarios.some(({ workers, job }) => workers > job.recipe.ranks)).toBe(true);
  expect(scenarios.some(({ workers, job }) => workers > 2 && job.recipe.ranks > 4)).toBe(true);
  expect(scenarios.some(({ job }) => job.recipe.student)).toBe(true);
  expect(scenarios.some(({ job }) => job.recipe.teacher.earlyStopping)).toBe(true);
  expect(scenarios.some(({ crash }) => crash)).toBe(true);
});

describe.each([
  ['memory', simulate],
  ['WebSocket', (scenario: Scenario) => runCluster(scenario, webSocketWorld)],
] as const)('%s', (_, run) => {
  test.each(scenarios)('seed $seed', async (scenario) => {
    expect((await run(scenario)).problems).toEqual([]);
  });
});
