// The protocol over both transports: the same clusters, with the same crashes, judged by the same checkers.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { phaseOf } from '@stillhouse/core';
import type { Clock, Link, Transport } from '@stillhouse/core/cluster';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { runCluster, simulate, type World, type WorldProcess } from '../simulation/cluster.js';
import { calm, scenarioOf, type Scenario } from '../simulation/scenario.js';

/** A process of a real world that can die: its links break, and nothing of it goes on. */
class MortalProcess implements WorldProcess {
  isAlive = true;
  readonly #links: Link[] = [];

  constructor(readonly name: string) {}

  readonly clock: Clock = {
    now: () => systemClock.now(),
    after: (delayMs, callback) => systemClock.after(delayMs, () => this.isAlive && callback()),
  };

  readonly transport: Transport = {
    listen: (address, onLink) => webSocketTransport.listen(address, (link) => onLink(this.#track(link))),
    connect: async (address) =>
      this.#track(await (this.isAlive ? webSocketTransport.connect(address) : new Promise<Link>(() => {}))),
  };

  #track(link: Link): Link {
    if (!this.isAlive) link.abort();
    this.#links.push(link);
    return link;
  }

  die(): void {
    this.isAlive = false;
    for (const link of this.#links) link.abort();
  }
}

const webSocketWorld = (): World => ({
  clock: systemClock,
  coordinatorAddresses: ['127.0.0.1:0'],
  meshAddress: () => '127.0.0.1:0',
  start: (name) => new MortalProcess(name),
  crash: (process) => (process as MortalProcess).die(),
  async pass(isOver) {
    for (let waitedMs = 0; !isOver() && waitedMs < 50_000; waitedMs += 10) await delay(10);
  },
});

/** A scenario at a pace at which real time may pass, with the faults that happen in a real world as well. */
function quick(scenario: Scenario): Scenario {
  const faults = scenario.faults.filter(
    ({ kind }) => kind === 'a worker crashes' || kind === 'a worker joins' || kind === 'a worker is asked to leave',
  );
  return {
    ...calm(scenario),
    speedsMs: scenario.speedsMs.map(() => 1),
    faults: faults.map((fault) => ({ ...fault, atMs: fault.atMs / 5 })),
    calmAtMs: 1_000,
    skews: [{ rate: 1, offsetMs: 0 }],
  };
}

/** The first scenarios of a kind. */
const first = (count: number, fits: (scenario: Scenario) => boolean): Scenario[] =>
  Array.from({ length: 500 }, (_, seed) => quick(scenarioOf(seed)))
    .filter(fits)
    .slice(0, count);
const chosen = [
  ...first(4, ({ faults }) => faults.length > 1),
  ...first(2, ({ workers, job }) => workers > job.recipe.ranks),
  ...first(2, ({ workers, job }) => workers > 2 && job.recipe.ranks > 4),
  ...first(2, ({ job }) => job.recipe.student !== undefined && phaseOf(job, 'teacher').earlyStopping !== undefined),
];
const scenarios = [...new Map(chosen.map((scenario) => [scenario.seed, scenario])).values()];

test('the scenarios cover several workers, spares, students, early stops and crashes', () => {
  expect(scenarios.some(({ workers, job }) => workers > job.recipe.ranks)).toBe(true);
  expect(scenarios.some(({ workers, job }) => workers > 2 && job.recipe.ranks > 4)).toBe(true);
  expect(scenarios.some(({ job }) => job.recipe.student)).toBe(true);
  expect(scenarios.some(({ job }) => phaseOf(job, 'teacher').earlyStopping)).toBe(true);
  expect(scenarios.some(({ faults }) => faults.length > 1)).toBe(true);
});

describe.each([
  ['memory', simulate],
  ['WebSocket', (scenario: Scenario) => runCluster(scenario, webSocketWorld())],
] as const)('%s', (_, run) => {
  test.each(scenarios)('seed $seed', async (scenario) => {
    const { problems, transcript } = await run(scenario);
    expect(problems, transcript.join('\n')).toEqual([]);
  });
});
