// A world for simulated clusters in which sockets and time are real.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Link, Transport } from '@stillhouse/core/cluster';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import type { World, WorldProcess } from '../simulation/cluster.js';
import { calm, type Scenario } from '../simulation/scenario.js';

/** A process of a real world that can die: its links break, and nothing of it goes on. */
class MortalProcess implements WorldProcess {
  isAlive = true;
  readonly #links: Link[] = [];

  constructor(
    readonly name: string,
    private readonly onAddress: (name: string, address: string) => void,
  ) {}

  readonly clock: Clock = {
    now: () => systemClock.now(),
    after: (delayMs, callback) => systemClock.after(delayMs, () => this.isAlive && callback()),
  };

  readonly transport: Transport = {
    listen: async (address, onLink) => {
      const listener = await webSocketTransport.listen(address, (link) => onLink(this.#track(link)));
      this.onAddress(this.name, listener.address);
      return listener;
    },
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

/**
 * Processes with real sockets and real time.
 * @param onAddress called with every address that one of them listens at
 */
export const webSocketWorld = (onAddress: (name: string, address: string) => void = () => {}): World => ({
  clock: systemClock,
  coordinatorAddresses: ['127.0.0.1:0'],
  meshAddress: () => '127.0.0.1:0',
  start: (name) => new MortalProcess(name, onAddress),
  crash: (process) => (process as MortalProcess).die(),
  async pass(isOver) {
    for (let waitedMs = 0; !isOver() && waitedMs < 50_000; waitedMs += 10) await delay(10);
  },
});

/** A scenario at a pace at which real time may pass, with the faults that happen in a real world as well. */
export function quick(scenario: Scenario): Scenario {
  const faults = scenario.faults.filter(
    ({ kind }) => kind === 'a worker crashes' || kind === 'a worker joins' || kind === 'a worker is asked to leave',
  );
  return {
    ...calm(scenario),
    speedsMs: scenario.speedsMs.map(() => 1),
    workersPerHost: 1,
    faults: faults.map((fault) => ({ ...fault, atMs: fault.atMs / 5 })),
    calmAtMs: 1_000,
    skews: [{ rate: 1, offsetMs: 0 }],
  };
}
